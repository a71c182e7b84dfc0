#include "keydist-server/app/credentials.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "common/file.h"
#include "common/private_file.h"
#include "common/status.h"
#include "keydist-server/pkcs11/pkcs11_uri.h"

namespace henb::keydist::app {
namespace {

constexpr std::size_t kLargestList = 8U << 20;  // As PEM.

absl::Status CheckKeyBelongs(const std::string& certificate_path, const common::Certificate& leaf,
                             const std::string& key_path, const common::SecretBytes& key_pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())),
                                                      &BIO_free);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      PEM_read_bio_PrivateKey(
          bio.get(), nullptr, [](char*, int, int, void*) { return 0; }, nullptr),
      &EVP_PKEY_free);
  if (!key) {
    return absl::InvalidArgumentError(
        common::StrCat(key_path, ": not an unencrypted private key: ", common::DrainOpensslErrors()));
  }
  if (X509_check_private_key(leaf.get(), key.get()) != 1) {
    static_cast<void>(common::DrainOpensslErrors());
    return absl::InvalidArgumentError(
        common::StrCat(key_path, ": is not the key of the certificate in ", certificate_path));
  }
  return absl::OkStatus();
}

/// A list as DER, or as PEM, where certificates of authorities below the anchors may stand beside it.
absl::StatusOr<common::CertificateList> LoadList(const std::string& path, std::vector<common::Certificate> issuers) {
  ASSIGN_OR_RETURN(std::string content, common::ReadFile(path, kLargestList));
  if (content.starts_with("-----BEGIN") || content.find("\n-----BEGIN") != std::string::npos) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
        BIO_new_mem_buf(content.data(), static_cast<int>(content.size())), &BIO_free);
    const std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)> list(
        PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr), &X509_CRL_free);
    static_cast<void>(common::DrainOpensslErrors());
    if (!list) return absl::InvalidArgumentError("holds no revocation list");
    if (const auto beside = common::Certificate::ChainFromPem(content); beside.ok()) {
      issuers.insert(issuers.end(), beside->begin(), beside->end());
    }
    unsigned char* der = nullptr;
    const int size = i2d_X509_CRL(list.get(), &der);
    if (size <= 0) return absl::InternalError(common::DrainOpensslErrors());
    content.assign(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
  }
  return common::VerifyCertificateList(content, issuers);
}

absl::StatusOr<rpc::ClientLists> LoadLists(const Config& config, const std::vector<common::Certificate>& anchors) {
  std::vector<common::CertificateList> lists;
  for (const std::string& path : config.client_crls) {
    absl::StatusOr<common::CertificateList> list = LoadList(path, anchors);
    if (!list.ok()) return absl::InvalidArgumentError(common::StrCat(path, ": ", list.status().message()));
    lists.push_back(*std::move(list));
  }
  return rpc::ClientLists::Make(std::move(lists), config.client_crl_grace);
}

}  // namespace

absl::StatusOr<KeyPair> LoadKeyPair(const std::string& certificate, const std::string& key) {
  KeyPair pair;
  ASSIGN_OR_RETURN(pair.certificate_pem, common::ReadFile(certificate));
  ASSIGN_OR_RETURN_CTX(pair.chain, common::Certificate::ChainFromPem(pair.certificate_pem), certificate);
  RETURN_IF_ERROR(common::RequirePrivateFile(key));
  ASSIGN_OR_RETURN(pair.key_pem, common::ReadSecretFile(key));
  RETURN_IF_ERROR(CheckKeyBelongs(certificate, pair.chain.front(), key, pair.key_pem));
  return pair;
}

absl::StatusOr<TlsMaterial> LoadTls(const Config& config) {
  ASSIGN_OR_RETURN(KeyPair own, LoadKeyPair(config.certificate, config.key));
  TlsMaterial tls;
  tls.certificate_pem = std::move(own.certificate_pem);
  tls.key_pem = std::move(own.key_pem);
  for (const std::string& path : config.anchors) {
    ASSIGN_OR_RETURN(const std::string pem, common::ReadFile(path));
    ASSIGN_OR_RETURN_CTX(const std::vector<common::Certificate> anchors, common::Certificate::ChainFromPem(pem), path);
    for (const common::Certificate& anchor : anchors) {
      tls.anchors.push_back(anchor);
      tls.anchors_pem += anchor.pem();
    }
  }
  ASSIGN_OR_RETURN(tls.lists, LoadLists(config, tls.anchors));
  return tls;
}

absl::Status ResolveCredentials(const char* directory, Config* config) {
  if (config->kek.empty()) {
    const std::string given = common::StrCat(directory == nullptr ? "" : directory, "/kek");
    config->kek = directory != nullptr && access(given.c_str(), F_OK) == 0 ? given : "/etc/keydist-server/kek";
  }
  std::vector<std::string*> all = {&config->kek, &config->key};
  for (std::string& kek : config->previous_keks) all.push_back(&kek);
  for (std::string* text : all) {
    const bool is_uri = pkcs11::IsPkcs11Uri(*text);
    const std::string by_name = is_uri ? "pin-source=credential:" : "credential:";
    const std::size_t at = is_uri ? text->find(by_name) : 0;
    if (at == std::string::npos || !std::string_view(*text).substr(at).starts_with(by_name)) continue;
    const std::size_t begin = at + by_name.size();
    const std::size_t end = is_uri ? std::min(text->find('&', begin), text->size()) : text->size();
    const std::string name = text->substr(begin, end - begin);
    if (name.empty() || name.find('/') != std::string::npos || name.starts_with('.')) {
      return absl::InvalidArgumentError(common::StrCat(common::Quoted(*text), ": not the name of a credential"));
    }
    if (directory == nullptr) {
      return absl::InvalidArgumentError(common::StrCat(*text, ": the service manager gave no $CREDENTIALS_DIRECTORY"));
    }
    text->replace(at, end - at, common::StrCat(is_uri ? "pin-source=" : "", directory, "/", name));
  }
  return absl::OkStatus();
}

absl::StatusOr<domain::AuditHeadSigner> LoadOrMakeHeadsKey(const std::string& path) {
  absl::StatusOr<domain::AuditHeadSigner> signer = absl::UnknownError("not loaded");
  if (access(path.c_str(), F_OK) == 0) {
    RETURN_IF_ERROR(common::RequirePrivateFile(path));
    ASSIGN_OR_RETURN(const common::SecretBytes pem, common::ReadSecretFile(path));
    signer = domain::AuditHeadSigner::FromPem(pem);
  } else {
    signer = domain::AuditHeadSigner::Make();
    if (signer.ok()) {
      ASSIGN_OR_RETURN(const common::SecretBytes pem, signer->PrivatePem());
      RETURN_IF_ERROR(common::WriteFileAtomically(path, pem.view(), 0600));
    }
  }
  if (!signer.ok()) return common::WithContext(signer.status(), path);
  ASSIGN_OR_RETURN(const std::string public_pem, signer->PublicPem());
  const std::string public_path = path + ".pub";
  if (const auto there = common::ReadFile(public_path); !there.ok() || *there != public_pem) {
    RETURN_IF_ERROR(common::WriteFileAtomically(public_path, public_pem, 0644));
  }
  return signer;
}

}  // namespace henb::keydist::app
