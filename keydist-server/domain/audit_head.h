// Signed heads of the audit chain (R51): kept elsewhere, they show that its tail was cut or that it was written anew.
// Ed25519 (RFC 8032). Pure, but for OpenSSL's random numbers when a key is made.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/secret_bytes.h"
#include "keydist-server/domain/audit_record.h"

struct evp_pkey_st;

namespace henb::keydist::domain {

/// Where the chain of `replica` stood at a time.
struct AuditHead {
  ChainHead chain;
  absl::Time at;
  std::string replica;  ///< IsReplicaName.
  friend bool operator==(const AuditHead&, const AuditHead&) = default;
};

/// 1 to 64 letters, digits, '.', '-' and '_': a host's name.
[[nodiscard]] bool IsReplicaName(std::string_view text);

/// Checks heads with a public key. Any thread.
class AuditHeadVerifier {
 public:
  /// InvalidArgument unless a PEM public key of Ed25519.
  [[nodiscard]] static absl::StatusOr<AuditHeadVerifier> FromPem(std::string_view pem);
  /// The head in `line`, without newline. DataLoss: not a head, or not signed with this key.
  [[nodiscard]] absl::StatusOr<AuditHead> Check(std::string_view line) const;

 private:
  friend class AuditHeadSigner;
  explicit AuditHeadVerifier(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
  std::shared_ptr<evp_pkey_st> key_;
};

/// Owns the private key. Any thread.
class AuditHeadSigner {
 public:
  /// A new key. Internal when OpenSSL makes none.
  [[nodiscard]] static absl::StatusOr<AuditHeadSigner> Make();
  /// InvalidArgument unless an unencrypted PEM private key of Ed25519.
  [[nodiscard]] static absl::StatusOr<AuditHeadSigner> FromPem(const common::SecretBytes& pem);

  [[nodiscard]] absl::StatusOr<common::SecretBytes> PrivatePem() const;
  [[nodiscard]] absl::StatusOr<std::string> PublicPem() const;
  [[nodiscard]] AuditHeadVerifier verifier() const { return AuditHeadVerifier(key_); }

  /// One JSON line: `{"seq":…,"hash":"<64 hex>","at":"…","replica":"…","signature":"<128 hex>"}\n`, the signature being
  /// over "henb-x2sec/audit-head/v1\n" ‖ the line's octets before `,"signature"`.
  [[nodiscard]] absl::StatusOr<std::string> Sign(const AuditHead& head) const;

 private:
  explicit AuditHeadSigner(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
  std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace henb::keydist::domain
