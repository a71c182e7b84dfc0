// The port to the key and certificate store of the IKE daemon (the NSS database).
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/certificate.h"
#include "common/secret_bytes.h"

namespace henb::x2sec::core {

struct StoredKey {
  std::string ckaid;  ///< 40 hexadecimal digits: SHA-1 of the public key, as pluto picks keys by.
  common::Certificate certificate;
};

/// Blocking, one thread at a time. A store that was opened once stays open.
class CertificateStore {
 public:
  virtual ~CertificateStore() = default;
  /// A CA as trusted for peers' paths. True when it was not there before (then IkeDaemon::TrustNewRoots).
  [[nodiscard]] virtual absl::StatusOr<bool> ImportRoot(const common::Certificate& root) = 0;
  /// An intermediate, untrusted by itself.
  [[nodiscard]] virtual absl::Status ImportIntermediate(const common::Certificate& certificate) = 0;
  /// This very certificate, where it is here without trust of its own. True when it was. FailedPrecondition: it is
  /// trusted; it stays.
  [[nodiscard]] virtual absl::StatusOr<bool> RemoveIntermediate(const common::Certificate& certificate) = 0;
  /// Private key (PKCS#8 DER) and its certificate; answers the ckaid. InvalidArgument when they do not belong together.
  /// FailedPrecondition where keys are in a token: they are made in there.
  [[nodiscard]] virtual absl::StatusOr<std::string> ImportKey(const common::SecretBytes& pkcs8,
                                                              const common::Certificate& certificate) = 0;
  /// Stores `certificate` beside the key it belongs to, which is here already, and answers that key's ckaid. NotFound
  /// when the key is not here; FailedPrecondition when it is under a name that the IKE daemon can't find it by.
  [[nodiscard]] virtual absl::StatusOr<std::string> ImportCertificate(const common::Certificate& certificate) = 0;
  /// Certificates that have their private key here.
  [[nodiscard]] virtual absl::StatusOr<std::vector<StoredKey>> Keys() = 0;
  [[nodiscard]] virtual absl::StatusOr<std::vector<common::Certificate>> Roots() = 0;
  /// Key and certificate; OK when gone already.
  [[nodiscard]] virtual absl::Status DeleteKey(const std::string& ckaid) = 0;
};

}  // namespace henb::x2sec::core
