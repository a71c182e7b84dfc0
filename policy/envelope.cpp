#include "policy/envelope.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <memory>

#include "common/status.h"

namespace henb::policy {
namespace {

constexpr std::size_t kShortest = 32;
constexpr std::size_t kLongest = 128;

using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;
using CmsPtr = std::unique_ptr<CMS_ContentInfo, decltype(&CMS_ContentInfo_free)>;

bool ChooseKeyTransport(CMS_RecipientInfo* recipient, EVP_PKEY* key) {
  EVP_PKEY_CTX* context = CMS_RecipientInfo_get0_pkey_ctx(recipient);
  if (context == nullptr) return false;
  if (EVP_PKEY_is_a(key, "EC") == 1) return EVP_PKEY_CTX_set_ecdh_kdf_md(context, EVP_sha256()) == 1;
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) == 1 &&
         EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1;
}

}  // namespace

absl::Status CheckMacSecret(const common::SecretBytes& secret) {
  if (secret.size() < kShortest || secret.size() > kLongest) {
    return absl::InvalidArgumentError(
        common::StrCat("the secret has ", secret.size(), " octets, not ", kShortest, " to ", kLongest));
  }
  const auto fine = [](std::uint8_t c) { return c > ' ' && c <= '~'; };
  if (std::all_of(secret.span().begin(), secret.span().end(), fine)) return absl::OkStatus();
  return absl::InvalidArgumentError("the secret is not printable ASCII without spaces");
}

absl::StatusOr<std::string> EncryptFor(const common::Certificate& device, const common::SecretBytes& secret) {
  EVP_PKEY* key = X509_get0_pubkey(device.get());
  if (key == nullptr || (EVP_PKEY_is_a(key, "RSA") != 1 && EVP_PKEY_is_a(key, "EC") != 1))
    return absl::InvalidArgumentError(common::StrCat(device.subject(), ": the key is neither RSA nor EC"));
  constexpr unsigned kFlags = CMS_BINARY | CMS_PARTIAL;
  const BioPtr data(BIO_new_mem_buf(secret.data(), static_cast<int>(secret.size())), BIO_free);
  const CmsPtr cms(CMS_encrypt(nullptr, data.get(), EVP_aes_256_gcm(), kFlags), CMS_ContentInfo_free);
  CMS_RecipientInfo* recipient =
      cms == nullptr ? nullptr : CMS_add1_recipient_cert(cms.get(), device.get(), kFlags | CMS_KEY_PARAM);
  const BioPtr out(BIO_new(BIO_s_mem()), BIO_free);
  if (recipient == nullptr || !ChooseKeyTransport(recipient, key) ||
      CMS_final(cms.get(), data.get(), nullptr, kFlags) != 1 || i2d_CMS_bio(out.get(), cms.get()) != 1) {
    return absl::InternalError(common::StrCat("encrypting failed: ", common::DrainOpensslErrors()));
  }
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out.get(), &bytes);
  return std::string(bytes, static_cast<std::size_t>(std::max(size, 0L)));
}

}  // namespace henb::policy
