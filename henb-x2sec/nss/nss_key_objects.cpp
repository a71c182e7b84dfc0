#include "henb-x2sec/nss/nss_key_objects.h"

#include <cryptohi.h>
#include <secoid.h>

#include "common/status.h"
#include "henb-x2sec/nss/nss_error.h"

namespace henb::x2sec::nss {
namespace {

SECItem* PublicValueOf(SECKEYPublicKey* key) {
  switch (SECKEY_GetPublicKeyType(key)) {
    case ecKey:
      return &key->u.ec.publicValue;
    case rsaKey:
      return &key->u.rsa.modulus;
    default:
      return nullptr;
  }
}

/// What imported keys are for: IKE and CMP sign, provisioning is encrypted to the vendor key (R37).
constexpr unsigned int kImportedUses = KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT | KU_KEY_AGREEMENT;

struct DigestKind {
  SECOidTag oid;
  std::size_t size;
};

DigestKind KindOf(core::SignedDigest digest) {
  switch (digest) {
    case core::SignedDigest::kSha384:
      return {SEC_OID_SHA384, 48};
    case core::SignedDigest::kSha512:
      return {SEC_OID_SHA512, 64};
    case core::SignedDigest::kSha256:
      break;
  }
  return {SEC_OID_SHA256, 32};
}

/// CKA_LABEL of keys that are made here.
constexpr const char* kOurLabel = "henb-x2sec";

bool IsOurs(SECKEYPrivateKey* key) {
  char* label = PK11_GetPrivateKeyNickname(key);
  const bool ours = label != nullptr && std::string_view(label) == kOurLabel;
  PORT_Free(label);
  return ours;
}

template <typename Visit>
void ForEachPrivateKey(PK11SlotInfo* slot, const Visit& visit) {
  const NssPtr<SECKEYPrivateKeyList> list(PK11_ListPrivKeysInSlot(slot, nullptr, nullptr));
  if (list == nullptr) return;
  for (SECKEYPrivateKeyListNode* node = PRIVKEY_LIST_HEAD(list.get()); !PRIVKEY_LIST_END(node, list.get());
       node = PRIVKEY_LIST_NEXT(node)) {
    visit(node->key);
  }
}

}  // namespace

absl::StatusOr<std::string> CkaidOfPublicKey(SECKEYPublicKey* key) {
  SECItem* value = PublicValueOf(key);
  if (value == nullptr) return absl::InvalidArgumentError("the key is neither EC nor RSA");
  const NssPtr<SECItem> id(PK11_MakeIDFromPubKey(value));
  if (id == nullptr) return LastNssError("computing the ckaid");
  return common::ToHex(ViewOf(*id));
}

NssPtr<SECKEYPrivateKey> FindPrivateKey(PK11SlotInfo* slot, const std::string& ckaid) {
  const std::optional<std::string> id = common::FromHex(ckaid);
  if (!id.has_value()) return nullptr;
  SECItem item = ItemOf(*id);
  return NssPtr<SECKEYPrivateKey>(PK11_FindKeyByKeyID(slot, &item, nullptr));
}

absl::StatusOr<std::set<std::string>> PrivateKeys(PK11SlotInfo* slot, bool only_our_own) {
  std::set<std::string> ckaids;
  absl::Status bad;
  ForEachPrivateKey(slot, [&](SECKEYPrivateKey* key) {
    if (only_our_own && !IsOurs(key)) return;
    const NssPtr<SECItem> id(PK11_GetLowLevelKeyIDForPrivateKey(key));
    if (id == nullptr) {
      bad = LastNssError("reading the ckaid of a private key");
    } else {
      ckaids.insert(common::ToHex(ViewOf(*id)));
    }
  });
  RETURN_IF_ERROR(bad);
  return ckaids;
}

absl::Status CheckNotUnderAnotherId(PK11SlotInfo* slot, const std::string& ckaid) {
  absl::Status found;
  ForEachPrivateKey(slot, [&](SECKEYPrivateKey* key) {
    const NssPtr<SECKEYPublicKey> public_key(SECKEY_ConvertToPublicKey(key));
    if (public_key == nullptr || CkaidOfPublicKey(public_key.get()).value_or("") != ckaid) return;
    const NssPtr<SECItem> id(PK11_GetLowLevelKeyIDForPrivateKey(key));
    found = absl::FailedPreconditionError(common::StrCat(
        "the key has the CKA_ID ", id == nullptr ? "" : common::ToHex(ViewOf(*id)), ", and must have ", ckaid,
        ", the SHA-1 of its EC point or modulus: give it and its public key that one (pkcs11-tool --set-id)"));
  });
  return found;
}

absl::Status ImportPrivateKey(PK11SlotInfo* slot, const common::SecretBytes& pkcs8, const std::string& nickname,
                              SECKEYPublicKey* public_key) {
  SECItem der = ItemOf(pkcs8.view());
  SECItem name = ItemOf(nickname);
  SECItem* value = PublicValueOf(public_key);
  if (value == nullptr) return absl::InvalidArgumentError("the key is neither EC nor RSA");
  SECKEYPrivateKey* key = nullptr;
  if (PK11_ImportDERPrivateKeyInfoAndReturnKey(slot, &der, &name, value, PR_TRUE, PR_TRUE, kImportedUses, &key,
                                               nullptr) != SECSuccess) {
    return LastNssError("importing the private key");
  }
  const NssPtr<SECKEYPrivateKey> owned(key);
  return absl::OkStatus();
}

absl::StatusOr<std::string> GenerateP256(PK11SlotInfo* slot) {
  const SECOidData* curve = SECOID_FindOIDByTag(SEC_OID_ANSIX962_EC_PRIME256V1);
  std::string parameters("\x06\0", 2);  // OBJECT IDENTIFIER and its length, RFC 5480 §2.1.1.1
  parameters[1] = static_cast<char>(curve->oid.len);
  parameters.append(ViewOf(curve->oid));
  SECKEYECParams params = ItemOf(parameters);
  SECKEYPublicKey* made_public = nullptr;
  const NssPtr<SECKEYPrivateKey> key(PK11_GenerateKeyPairWithOpFlags(
      slot, CKM_EC_KEY_PAIR_GEN, &params, &made_public,
      PK11_ATTR_TOKEN | PK11_ATTR_PRIVATE | PK11_ATTR_SENSITIVE | PK11_ATTR_UNEXTRACTABLE, CKF_SIGN,
      CKF_SIGN | CKF_DERIVE, nullptr));
  if (key == nullptr) return LastNssError("making a P-256 key");
  const NssPtr<SECKEYPublicKey> owned_public(made_public);
  ASSIGN_OR_RETURN(std::string ckaid, CkaidOfPublicKey(owned_public.get()));
  if (PK11_SetPrivateKeyNickname(key.get(), kOurLabel) == SECSuccess) return ckaid;
  const absl::Status refused = LastNssError("labelling a P-256 key");
  RETURN_IF_ERROR_CTX(DeleteKeyObjects(slot, ckaid), "removing a key that can't be labelled");
  return refused;
}

absl::StatusOr<std::string> SignDigest(SECKEYPrivateKey* key, core::SignedDigest digest,
                                       std::string_view digest_bytes) {
  const DigestKind kind = KindOf(digest);
  if (digest_bytes.size() != kind.size) {
    return absl::InvalidArgumentError(
        common::StrCat("a digest of ", digest_bytes.size(), " octets where ", kind.size, " are needed"));
  }
  SECItem input = ItemOf(digest_bytes);
  SECItem signature{siBuffer, nullptr, 0};
  if (SGN_Digest(key, kind.oid, &signature, &input) != SECSuccess) return LastNssError("signing");
  const std::unique_ptr<SECItem, void (*)(SECItem*)> owned(&signature,
                                                           [](SECItem* item) { SECITEM_FreeItem(item, PR_FALSE); });
  if (SECKEY_GetPrivateKeyType(key) != ecKey) return std::string(ViewOf(signature));
  // PKCS#11 has r and s side by side, X.509 and CMP a SEQUENCE of two integers.
  SECItem der{siBuffer, nullptr, 0};
  if (DSAU_EncodeDerSigWithLen(&der, &signature, signature.len) != SECSuccess)
    return LastNssError("encoding the signature");
  std::string out(ViewOf(der));
  SECITEM_FreeItem(&der, PR_FALSE);
  return out;
}

absl::Status DeleteKeyObjects(PK11SlotInfo* slot, const std::string& ckaid) {
  // Deleting consumes the key structure when it succeeds.
  if (NssPtr<SECKEYPrivateKey> key = FindPrivateKey(slot, ckaid); key != nullptr) {
    if (PK11_DeleteTokenPrivateKey(key.release(), PR_TRUE) != SECSuccess)
      return LastNssError("deleting the private key");
  }
  const NssPtr<SECKEYPublicKeyList> list(PK11_ListPublicKeysInSlot(slot, nullptr));
  if (list == nullptr) return absl::OkStatus();
  for (SECKEYPublicKeyListNode* node = PUBKEY_LIST_HEAD(list.get()); !PUBKEY_LIST_END(node, list.get());
       node = PUBKEY_LIST_NEXT(node)) {
    const absl::StatusOr<std::string> id = CkaidOfPublicKey(node->key);
    if (!id.ok() || *id != ckaid) continue;
    SECKEYPublicKey* copy = SECKEY_CopyPublicKey(node->key);
    if (PK11_DeleteTokenPublicKey(copy) != SECSuccess) return LastNssError("deleting the public key");
  }
  return absl::OkStatus();
}

}  // namespace henb::x2sec::nss
