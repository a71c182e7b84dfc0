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

/// "credential:NAME" in `keys.kek`, `keys.previous_keks`, the pin-source of a PKCS #11 URI in them, and `tls.key`
/// becomes the file NAME of `directory`, the service manager's $CREDENTIALS_DIRECTORY (systemd.exec(5),
/// LoadCredential=). An absent `keys.kek` is "credential:kek" where that is there, and /etc/keydist-server/kek
/// elsewhere. InvalidArgument: NAME is no plain name, or there is no directory.
[[nodiscard]] absl::Status ResolveCredentials(const char* directory, Config* config);

/// The key that signs heads of the audit log. The first time it is made: `path` (0600), and its public half beside it
/// as `path`.pub, which is what a verifier needs. Later a missing .pub is written again.
[[nodiscard]] absl::StatusOr<domain::AuditHeadSigner> LoadOrMakeHeadsKey(const std::string& path);

}  // namespace henb::keydist::app
