#include "keydist-server/app/credentials.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "common/file.h"
#include "common/status.h"
#include "common/unique_fd.h"

namespace henb::keydist::app {
namespace {

constexpr std::size_t kLargestList = 8U << 20;  // As PEM.

/// A secret that the whole machine can read is none.
absl::Status CheckPrivate(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return absl::NotFoundError(common::StrCat(path, ": ", std::strerror(errno)));
  // systemd gives its credentials to the service by an access list, which shows as the group's bits.
  const char* credentials = std::getenv("CREDENTIALS_DIRECTORY");
  const bool by_systemd = credentials != nullptr && path.starts_with(common::StrCat(credentials, "/"));
  if ((info.st_mode & (by_systemd ? 07U : 077U)) != 0) {
    return absl::InvalidArgumentError(common::StrCat(path, ": readable by others; make it mode 0600"));
  }
  return absl::OkStatus();
}

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
  RETURN_IF_ERROR(CheckPrivate(key));
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
  constexpr std::string_view kPrefix = "credential:";
  if (config->kek_file.empty()) {
    const std::string given = common::StrCat(directory == nullptr ? "" : directory, "/kek");
    config->kek_file = directory != nullptr && access(given.c_str(), F_OK) == 0 ? given : "/etc/keydist-server/kek";
  }
  for (std::string* path : {&config->kek_file, &config->key}) {
    if (!path->starts_with(kPrefix)) continue;
    const std::string name = path->substr(kPrefix.size());
    if (name.empty() || name.find('/') != std::string::npos || name.starts_with('.')) {
      return absl::InvalidArgumentError(common::StrCat(common::Quoted(*path), ": not the name of a credential"));
    }
    if (directory == nullptr) {
      return absl::InvalidArgumentError(common::StrCat(*path, ": the service manager gave no $CREDENTIALS_DIRECTORY"));
    }
    *path = common::StrCat(directory, "/", name);
  }
  return absl::OkStatus();
}

absl::StatusOr<domain::RootSealer> LoadKek(const std::string& path) {
  RETURN_IF_ERROR(CheckPrivate(path));
  ASSIGN_OR_RETURN(common::SecretBytes content, common::ReadSecretFile(path));
  std::size_t digits = content.size();
  if (digits == 65 && content.data()[64] == '\n') --digits;
  if (digits == 64) {
    const auto nibble = [](std::uint8_t c) -> int {
      if (c >= '0' && c <= '9') return c - '0';
      c |= 0x20U;
      return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    };
    common::SecretBytes kek(domain::RootSealer::kKekSize);
    for (std::size_t i = 0; i < kek.size(); ++i) {
      const int high = nibble(content.data()[2 * i]);
      const int low = nibble(content.data()[2 * i + 1]);
      if (high < 0 || low < 0) return absl::InvalidArgumentError(common::StrCat(path, ": not 64 hexadecimal digits"));
      kek.data()[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    content = std::move(kek);
  }
  absl::StatusOr<domain::RootSealer> sealer = domain::RootSealer::Make(std::move(content));
  if (!sealer.ok()) return common::WithContext(sealer.status(), path);
  return sealer;
}

absl::Status MakeKek(const std::string& path, common::Random& random) {
  const common::UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) {
    const std::string text = common::StrCat(path, ": ", std::strerror(errno));
    return errno == EEXIST ? absl::AlreadyExistsError(text) : absl::UnavailableError(text);
  }
  common::SecretBytes kek(domain::RootSealer::kKekSize);
  random.Fill({kek.data(), kek.size()});
  if (write(fd.get(), kek.data(), kek.size()) != static_cast<ssize_t>(kek.size()) || fsync(fd.get()) != 0) {
    return absl::UnavailableError(common::StrCat(path, ": ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

absl::StatusOr<domain::AuditHeadSigner> LoadOrMakeHeadsKey(const std::string& path) {
  absl::StatusOr<domain::AuditHeadSigner> signer = absl::UnknownError("not loaded");
  if (access(path.c_str(), F_OK) == 0) {
    RETURN_IF_ERROR(CheckPrivate(path));
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
