#include "henb-x2sec/nss/nss_decryption.h"

#include <pkcs11.h>

#include "common/status.h"
#include "henb-x2sec/nss/nss_error.h"

namespace henb::x2sec::nss {
namespace {

/// Sets a usage that is missing; whether that worked is seen when the key is used.
void Allow(SECKEYPrivateKey* key, CK_ATTRIBUTE_TYPE usage) {
  if (PK11_HasAttributeSet(key->pkcs11Slot, key->pkcs11ID, usage, PR_FALSE) == PR_TRUE) return;
  CK_BBOOL yes = CK_TRUE;
  SECItem value{siBuffer, &yes, sizeof yes};
  (void)PK11_WriteRawAttribute(PK11_TypePrivKey, key, usage, &value);
}

absl::Status DoesNotOpen() { return absl::InvalidArgumentError("does not open with this device's key"); }

}  // namespace

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
    return DoesNotOpen();
  }
  return common::SecretBytes::CopyOf(room.span().first(size));
}

absl::StatusOr<common::SecretBytes> AgreeByEcdh(SECKEYPrivateKey* key, std::string_view point) {
  if (SECKEY_GetPrivateKeyType(key) != ecKey) return absl::InvalidArgumentError("is for an EC key, which this is not");
  Allow(key, CKA_DERIVE);
  // The other side's key: our own with its point, so the curve is ours.
  const NssPtr<SECKEYPublicKey> own(SECKEY_ConvertToPublicKey(key));
  if (own == nullptr) return LastNssError("reading the public key");
  if (point.size() != own->u.ec.publicValue.len) return DoesNotOpen();
  const int field = static_cast<int>((point.size() - 1) / 2);
  SECKEYPublicKey other = *own;
  other.u.ec.publicValue = ItemOf(point);
  other.pkcs11Slot = nullptr;
  other.pkcs11ID = CK_INVALID_HANDLE;
  const std::unique_ptr<PK11SymKey, decltype(&PK11_FreeSymKey)> agreed(
      PK11_PubDeriveWithKDF(key, &other, PR_FALSE, nullptr, nullptr, CKM_ECDH1_DERIVE, CKM_GENERIC_SECRET_KEY_GEN,
                            CKA_DERIVE, field, CKD_NULL, nullptr, nullptr),
      PK11_FreeSymKey);
  if (agreed == nullptr) return DoesNotOpen();
  if (PK11_ExtractKeyValue(agreed.get()) != SECSuccess) return LastNssError("taking out what ECDH has made");
  const SECItem* value = PK11_GetKeyData(agreed.get());
  return common::SecretBytes::CopyOf(ViewOf(*value));
}

}  // namespace henb::x2sec::nss
