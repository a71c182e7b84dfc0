#include "henb-x2sec/app/credentials/private_key_file.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>

#include "common/file.h"
#include "common/status.h"

namespace henb::x2sec::app {
namespace {

using common::StrCat;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Pkcs8Ptr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, decltype(&PKCS8_PRIV_KEY_INFO_free)>;

/// Nobody is there to type a passphrase.
int NoPassphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) { return -1; }

}  // namespace

absl::StatusOr<common::SecretBytes> ReadPrivateKeyFile(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return absl::ErrnoToStatus(errno, path);
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return absl::PermissionDeniedError(StrCat(path, ": a private key that others may read; make it 0600"));
  }
  return common::ReadSecretFile(path);
}

absl::StatusOr<common::SecretBytes> ToPkcs8(const common::SecretBytes& pem, const common::Certificate& certificate) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr), EVP_PKEY_free);
  if (key == nullptr) {
    return absl::InvalidArgumentError(StrCat("not an unencrypted private key in PEM: ", common::DrainOpensslErrors()));
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError(StrCat("the key is not that of the certificate ", certificate.subject()));
  }
  const Pkcs8Ptr pkcs8(EVP_PKEY2PKCS8(key.get()), PKCS8_PRIV_KEY_INFO_free);
  unsigned char* der = nullptr;
  const int size = pkcs8 == nullptr ? -1 : i2d_PKCS8_PRIV_KEY_INFO(pkcs8.get(), &der);
  if (size <= 0)
    return absl::InvalidArgumentError(StrCat("the key has no PKCS#8 form: ", common::DrainOpensslErrors()));
  common::SecretBytes out =
      common::SecretBytes::CopyOf(std::span<const std::uint8_t>(der, static_cast<std::size_t>(size)));
  OPENSSL_clear_free(der, static_cast<std::size_t>(size));
  return out;
}

}  // namespace henb::x2sec::app
