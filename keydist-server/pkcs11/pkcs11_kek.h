// A KEK in a PKCS #11 token: it never leaves it, what is sealed goes there and comes back.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "common/random.h"
#include "keydist-server/domain/kek.h"
#include "keydist-server/pkcs11/pkcs11_module.h"

namespace henb::keydist::pkcs11 {

/// An AES-256 key that the token does not give away, used by CKM_AES_GCM. A session that is lost (the token was taken
/// out, an HSM on the network was away) is opened anew at the next call; a PIN that was refused once is not tried
/// again.
class Pkcs11Kek final : public domain::Kek {
 public:
  /// Logs in and finds the key. InvalidArgument: the PIN is wrong, the key is not one of 256 bits that stays in the
  /// token and seals. NotFound, FailedPrecondition, Unavailable: as Pkcs11Session.
  [[nodiscard]] static absl::StatusOr<std::shared_ptr<Pkcs11Kek>> Open(Pkcs11Uri uri);
  /// Makes such a key. AlreadyExists: one of this name is there. InvalidArgument: `uri` names it by its id.
  [[nodiscard]] static absl::Status Generate(const Pkcs11Uri& uri, common::Random& random);

  const std::string& id() const override { return id_; }
  const std::string& place() const override { return place_; }
  absl::StatusOr<std::string> Encrypt(const domain::SealNonce& nonce, std::string_view additional,
                                      const common::SecretBytes& plain) override;
  absl::StatusOr<common::SecretBytes> Decrypt(const domain::SealNonce& nonce, std::string_view additional,
                                              std::string_view sealed) override;
  absl::Status Check() override;

 private:
  explicit Pkcs11Kek(Pkcs11Uri uri) : uri_(std::move(uri)), place_(uri_.Text()) {}
  absl::Status Reopen();
  absl::StatusOr<std::string> ReadId();
  absl::Status CheckKey() const;
  /// One call of the token, both ways of it; `out` has room for `size` octets and gets as many as it says.
  enum class Way { kEncrypt, kDecrypt };
  struct Operation;
  CK_RV Run(Operation* operation);
  /// Run, with a new session where the old one is lost.
  absl::Status RunAnew(Operation* operation);

  const Pkcs11Uri uri_;
  const std::string place_;
  std::string id_;
  std::mutex mutex_;
  std::unique_ptr<Pkcs11Session> session_;  ///< None: opened at the next call.
  CK_OBJECT_HANDLE key_ = 0;
  absl::Status refused_;  ///< What must not be tried again.
};

}  // namespace henb::keydist::pkcs11
