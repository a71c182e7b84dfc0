#include "henb-x2sec/ocspd/signer.h"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <array>

#include "common/file.h"
#include "common/status.h"
#include "henb-x2sec/revocation/openssl_ptr.h"

namespace henb::x2sec::ocspd {
namespace {

using common::StrCat;
using revocation::OpensslPtr;

constexpr char kName[] = "x2sec-ocspd";
constexpr absl::Duration kValidity = absl::Hours(24 * 365 * 25);
// A device whose clock stands at 1970 must still be able to authenticate its backhaul.
const absl::Time kValidFrom = absl::UnixEpoch();

absl::Status Failed() { return absl::InternalError(common::DrainOpensslErrors()); }

absl::Status AddExtension(X509* certificate, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const OpensslPtr<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1 ? absl::OkStatus() : Failed();
}

absl::StatusOr<OpensslPtr<X509>> MakeCertificate(EVP_PKEY* key, absl::Time now) {
  OpensslPtr<X509> certificate(X509_new());
  std::array<unsigned char, 8> serial{};
  if (RAND_bytes(serial.data(), static_cast<int>(serial.size())) != 1) return Failed();
  serial[0] = static_cast<unsigned char>((serial[0] & 0x7f) | 0x40);
  const OpensslPtr<BIGNUM> number(BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr));
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(kName), -1, -1, 0);
  if (X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get())) == nullptr ||
      X509_set_issuer_name(certificate.get(), name) != 1 || X509_set_pubkey(certificate.get(), key) != 1 ||
      ASN1_TIME_set(X509_getm_notBefore(certificate.get()), absl::ToTimeT(kValidFrom)) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(certificate.get()), absl::ToTimeT(now + kValidity)) == nullptr) {
    return Failed();
  }
  RETURN_IF_ERROR(AddExtension(certificate.get(), NID_basic_constraints, "critical,CA:FALSE"));
  RETURN_IF_ERROR(AddExtension(certificate.get(), NID_key_usage, "critical,digitalSignature"));
  RETURN_IF_ERROR(AddExtension(certificate.get(), NID_ext_key_usage, "OCSPSigning"));
  if (X509_sign(certificate.get(), key, EVP_sha256()) == 0) return Failed();
  return certificate;
}

}  // namespace

absl::Status MakeSigner(const std::string& certificate_path, const std::string& key_path, absl::Time now) {
  for (const std::string& path : {certificate_path, key_path}) {
    if (access(path.c_str(), F_OK) == 0) return absl::AlreadyExistsError(StrCat(path, " is there already"));
  }
  const OpensslPtr<EVP_PKEY> key(EVP_EC_gen("P-256"));
  if (key == nullptr) return Failed();
  ASSIGN_OR_RETURN(const OpensslPtr<X509> certificate, MakeCertificate(key.get(), now));
  common::SecretBytes pem;
  {
    const OpensslPtr<BIO> bio(BIO_new(BIO_s_secmem()));
    if (PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) return Failed();
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    pem.Append({data, static_cast<std::size_t>(size)});
  }
  RETURN_IF_ERROR(common::WriteFileAtomically(key_path, pem.view(), 0600));
  return common::WriteFileAtomically(certificate_path, common::Certificate::FromX509(certificate.get()).pem(), 0644);
}

absl::StatusOr<Signer> LoadSigner(const std::string& certificate_path, const std::string& key_path) {
  ASSIGN_OR_RETURN(const std::string certificate_pem, common::ReadFile(certificate_path, 64U << 10));
  ASSIGN_OR_RETURN_CTX(common::Certificate certificate, common::Certificate::FromPem(certificate_pem),
                       certificate_path);
  ASSIGN_OR_RETURN(const common::SecretBytes key_pem, common::ReadSecretFile(key_path));
  const OpensslPtr<BIO> bio(BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())));
  std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  if (key == nullptr || X509_check_private_key(certificate.get(), key.get()) != 1) {
    return absl::InvalidArgumentError(
        StrCat(key_path, ": not the private key of ", certificate_path, ": ", common::DrainOpensslErrors()));
  }
  return Signer{.certificate = std::move(certificate), .key = std::move(key)};
}

}  // namespace henb::x2sec::ocspd
