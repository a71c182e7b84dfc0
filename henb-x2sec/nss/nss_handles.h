// NSS's reference-counted objects as owning pointers. For the sources of this module.
#pragma once

#include <cert.h>
#include <certdb.h>
#include <keyhi.h>
#include <pk11pub.h>
#include <secitem.h>

#include <memory>
#include <string_view>

namespace henb::x2sec::nss {

struct NssDeleter {
  void operator()(PK11SlotInfo* slot) const { PK11_FreeSlot(slot); }
  void operator()(CERTCertificate* certificate) const { CERT_DestroyCertificate(certificate); }
  void operator()(CERTCertList* list) const { CERT_DestroyCertList(list); }
  void operator()(SECKEYPrivateKey* key) const { SECKEY_DestroyPrivateKey(key); }
  void operator()(SECKEYPublicKey* key) const { SECKEY_DestroyPublicKey(key); }
  void operator()(SECKEYPrivateKeyList* list) const { SECKEY_DestroyPrivateKeyList(list); }
  void operator()(SECKEYPublicKeyList* list) const { SECKEY_DestroyPublicKeyList(list); }
  void operator()(SECItem* item) const { SECITEM_FreeItem(item, PR_TRUE); }
};

template <typename T>
using NssPtr = std::unique_ptr<T, NssDeleter>;

/// A borrowed view in NSS's clothes: NSS takes non-const items that it only reads.
inline SECItem ItemOf(std::string_view bytes) {
  return {siBuffer, reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data())),
          static_cast<unsigned int>(bytes.size())};
}

inline std::string_view ViewOf(const SECItem& item) { return {reinterpret_cast<const char*>(item.data), item.len}; }

}  // namespace henb::x2sec::nss
