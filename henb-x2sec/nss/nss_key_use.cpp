#include "henb-x2sec/nss/nss_key_use.h"

#include <pkcs11.h>
#include <secmodt.h>

#include "common/status.h"
#include "henb-x2sec/nss/nss_error.h"

namespace henb::x2sec::nss {
namespace {

/// A session of one operation. NSS hands out a derived secret only as a key that a token may keep to itself.
class Session {
 public:
  explicit Session(PK11SlotInfo* slot)
      : functions_(static_cast<CK_FUNCTION_LIST*>(PK11_GetModule(slot)->functionList)) {
    open_ = functions_->C_OpenSession(PK11_GetSlotID(slot), CKF_SERIAL_SESSION, nullptr, nullptr, &handle_) == CKR_OK;
  }
  ~Session() {
    if (open_) functions_->C_CloseSession(handle_);  // with the objects made in it
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  [[nodiscard]] bool open() const { return open_; }
  [[nodiscard]] CK_SESSION_HANDLE handle() const { return handle_; }
  [[nodiscard]] CK_FUNCTION_LIST* functions() const { return functions_; }

 private:
  CK_FUNCTION_LIST* functions_;
  CK_SESSION_HANDLE handle_ = CK_INVALID_HANDLE;
  bool open_ = false;
};

absl::Status Refused(std::string_view what, CK_RV code) {
  return absl::InternalError(common::StrCat(what, ": the token answers ", code));
}

/// Sets a usage that is missing, as in a key that an earlier release imported for signing alone; whether that worked is
/// seen when the key is used.
void Allow(SECKEYPrivateKey* key, CK_ATTRIBUTE_TYPE usage) {
  if (PK11_HasAttributeSet(key->pkcs11Slot, key->pkcs11ID, usage, PR_FALSE) == PR_TRUE) return;
  CK_BBOOL yes = CK_TRUE;
  SECItem value{siBuffer, &yes, sizeof yes};
  (void)PK11_WriteRawAttribute(PK11_TypePrivKey, key, usage, &value);
}

}  // namespace

absl::StatusOr<common::SecretBytes> RsaPrivate(SECKEYPrivateKey* key, core::RsaUse use, std::string_view block) {
  const int modulus = SECKEY_GetPrivateKeyType(key) == rsaKey ? PK11_GetPrivateModulusLen(key) : 0;
  if (modulus <= 0 || block.size() != static_cast<std::size_t>(modulus))
    return absl::InvalidArgumentError("no RSA key, or a block of another length");
  common::SecretBytes out(block.size());
  SECItem input = ItemOf(block);
  if (use == core::RsaUse::kSign) {
    SECItem made{siBuffer, out.data(), static_cast<unsigned int>(out.size())};
    if (PK11_SignWithMechanism(key, CKM_RSA_X_509, nullptr, &made, &input) != SECSuccess || made.len != out.size())
      return LastNssError("the RSA operation (CKM_RSA_X_509, sign)");
    return out;
  }
  Allow(key, CKA_DECRYPT);
  unsigned int made = 0;
  if (PK11_PrivDecryptRaw(key, out.data(), &made, static_cast<unsigned int>(out.size()), input.data, input.len) !=
          SECSuccess ||
      made != out.size()) {
    return LastNssError("the RSA operation (CKM_RSA_X_509, decrypt)");
  }
  return out;
}

absl::StatusOr<common::SecretBytes> Agree(SECKEYPrivateKey* key, std::string_view point) {
  // An uncompressed point: one octet, and twice the size of the secret.
  if (SECKEY_GetPrivateKeyType(key) != ecKey || point.size() < 3 || point.size() % 2 == 0 || point.front() != 4)
    return absl::InvalidArgumentError("no EC key, or no uncompressed point");
  Allow(key, CKA_DERIVE);
  common::SecretBytes secret(point.size() / 2);
  const Session session(key->pkcs11Slot);
  if (!session.open()) return absl::UnavailableError("the token opens no session");
  SECItem other = ItemOf(point);
  CK_ECDH1_DERIVE_PARAMS parameters{CKD_NULL, 0, nullptr, other.len, other.data};
  CK_MECHANISM mechanism{CKM_ECDH1_DERIVE, &parameters, sizeof parameters};
  CK_OBJECT_CLASS object_class = CKO_SECRET_KEY;
  CK_KEY_TYPE type = CKK_GENERIC_SECRET;
  CK_ULONG size = secret.size();
  CK_BBOOL yes = CK_TRUE;
  CK_BBOOL no = CK_FALSE;
  CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &object_class, sizeof object_class},
                           {CKA_KEY_TYPE, &type, sizeof type},
                           {CKA_TOKEN, &no, sizeof no},
                           {CKA_SENSITIVE, &no, sizeof no},
                           {CKA_EXTRACTABLE, &yes, sizeof yes},
                           {CKA_VALUE_LEN, &size, sizeof size}};
  CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
  CK_FUNCTION_LIST* functions = session.functions();
  CK_RV done = functions->C_DeriveKey(session.handle(), &mechanism, key->pkcs11ID, wanted,
                                      sizeof wanted / sizeof *wanted, &made);
  if (done != CKR_OK) return Refused("key agreement (CKM_ECDH1_DERIVE)", done);
  CK_ATTRIBUTE value{CKA_VALUE, secret.data(), static_cast<CK_ULONG>(secret.size())};
  done = functions->C_GetAttributeValue(session.handle(), made, &value, 1);
  functions->C_DestroyObject(session.handle(), made);
  if (done != CKR_OK || value.ulValueLen != secret.size()) return Refused("the agreed secret", done);
  return secret;
}

absl::StatusOr<common::SecretBytes> DecryptByOaep(SECKEYPrivateKey* key, std::string_view ciphertext) {
  if (SECKEY_GetPrivateKeyType(key) != rsaKey)
    return absl::InvalidArgumentError("is for an RSA key, which this is not");
  Allow(key, CKA_DECRYPT);
  CK_RSA_PKCS_OAEP_PARAMS oaep{CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, nullptr, 0};
  SECItem parameters{siBuffer, reinterpret_cast<unsigned char*>(&oaep), sizeof oaep};
  const int modulus = PK11_GetPrivateModulusLen(key);
  if (modulus <= 0) return LastNssError("reading the key's size");
  common::SecretBytes room(static_cast<std::size_t>(modulus));
  unsigned int size = 0;
  if (PK11_PrivDecrypt(key, CKM_RSA_PKCS_OAEP, &parameters, room.data(), &size, static_cast<unsigned int>(room.size()),
                       reinterpret_cast<const unsigned char*>(ciphertext.data()),
                       static_cast<unsigned int>(ciphertext.size())) != SECSuccess) {
    return absl::InvalidArgumentError("does not open with this device's key");
  }
  return common::SecretBytes::CopyOf(room.span().first(size));
}

}  // namespace henb::x2sec::nss
