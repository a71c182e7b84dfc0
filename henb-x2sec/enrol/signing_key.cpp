#include "henb-x2sec/enrol/signing_key.h"

#include <openssl/pem.h>

#include "common/status.h"
#include "henb-x2sec/device_key/store_backed_key.h"

namespace henb::x2sec::enrol {

absl::StatusOr<EvpKey> StoredSigningKey::For(const common::Certificate& certificate) {
  ASSIGN_OR_RETURN(const std::string ckaid, device_key::CkaidOf(certificate));
  return device_key::MakeStoreBackedKey(store_, ckaid);
}

absl::StatusOr<EvpKey> EncodedSigningKey::For(const common::Certificate& certificate) {
  const OpensslPtr<BIO> bio(BIO_new_mem_buf(encoded_.data(), static_cast<int>(encoded_.size())));
  const auto no_password = [](char*, int, int, void*) { return -1; };
  EvpKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr), EVP_PKEY_free);
  if (key == nullptr) {
    const unsigned char* at = encoded_.data();
    key.reset(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(encoded_.size())), EVP_PKEY_free);
  }
  const std::string errors = common::DrainOpensslErrors();
  if (key == nullptr)
    return absl::InvalidArgumentError(common::StrCat("the vendor key is neither PEM nor PKCS#8: ", errors));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    (void)common::DrainOpensslErrors();
    return absl::InvalidArgumentError(common::StrCat("the vendor key is not that of ", certificate.subject()));
  }
  return key;
}

}  // namespace henb::x2sec::enrol
