// The files of the configuration, read and checked against each other.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/certificate.h"
#include "common/random.h"
#include "common/secret_bytes.h"
#include "keydist-server/app/config.h"
#include "keydist-server/domain/audit_head.h"
#include "keydist-server/domain/root_sealer.h"
#include "keydist-server/rpc/client_lists.h"

namespace henb::keydist::app {

struct TlsMaterial {
  std::string certificate_pem;
  common::SecretBytes key_pem;
  std::string anchors_pem;
  std::vector<common::Certificate> anchors;
  rpc::ClientLists lists;
};

struct KeyPair {
  std::vector<common::Certificate> chain;  ///< Leaf first, at least that.
  std::string certificate_pem;
  common::SecretBytes key_pem;
};

/// A certificate and its key from their files; errors as LoadTls.
[[nodiscard]] absl::StatusOr<KeyPair> LoadKeyPair(const std::string& certificate, const std::string& key);

/// InvalidArgument names the file: not PEM, key and certificate do not belong together, a secret file that others may
/// read, no revocation list, one that none of the anchors (or of the authorities in its file) signed, or may sign.
[[nodiscard]] absl::StatusOr<TlsMaterial> LoadTls(const Config& config);

/// "credential:NAME" in `keys.kek_file` and `tls.key` becomes the file NAME of `directory`, the service manager's
/// $CREDENTIALS_DIRECTORY (systemd.exec(5), LoadCredential=). An absent `keys.kek_file` is "credential:kek" where that
/// is there, and /etc/keydist-server/kek elsewhere. InvalidArgument: NAME is no plain name, or there is no directory.
[[nodiscard]] absl::Status ResolveCredentials(const char* directory, Config* config);

/// The key-encryption key: 32 octets, or 64 hexadecimal digits and a newline, in a file of mode 0600 or less.
[[nodiscard]] absl::StatusOr<domain::RootSealer> LoadKek(const std::string& path);

/// Writes a new KEK to `path` (0600). AlreadyExists: never overwrites one.
[[nodiscard]] absl::Status MakeKek(const std::string& path, common::Random& random);

/// The key that signs heads of the audit log. The first time it is made: `path` (0600), and its public half beside it
/// as `path`.pub, which is what a verifier needs. Later a missing .pub is written again.
[[nodiscard]] absl::StatusOr<domain::AuditHeadSigner> LoadOrMakeHeadsKey(const std::string& path);

}  // namespace henb::keydist::app
