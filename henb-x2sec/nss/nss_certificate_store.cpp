#include "henb-x2sec/nss/nss_certificate_store.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <mutex>

#include "common/status.h"
#include "henb-x2sec/nss/nss_error.h"
#include "henb-x2sec/nss/nss_key_objects.h"
#include "henb-x2sec/nss/nss_key_use.h"
#include "henb-x2sec/nss/nss_session.h"
#include "henb-x2sec/nss/token_slot.h"

namespace henb::x2sec::nss {
namespace {

using CertPtr = NssPtr<CERTCertificate>;

absl::StatusOr<CertPtr> Decode(const common::Certificate& certificate) {
  std::string der = certificate.der();
  CertPtr out(CERT_DecodeCertFromPackage(der.data(), static_cast<int>(der.size())));
  if (out == nullptr) return LastNssError(common::StrCat("decoding the certificate of ", certificate.subject()));
  return out;
}

/// "henb-a.example" or the subject's common name, and digits of the subject's hash: unique for a subject, readable in
/// certutil -L.
std::string NicknameFor(const common::Certificate& certificate) {
  const absl::StatusOr<common::HenbId> identity = certificate.Identity();
  std::string name = "CA";
  if (identity.ok()) {
    name = identity->str();
  } else {
    char text[65] = {};
    if (X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, text, sizeof text) > 0)
      name = text;
  }
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c < ' ' || c > '~' || c == ':'; }, '_');
  unsigned char* der = nullptr;
  const int size = i2d_X509_NAME(X509_get_subject_name(certificate.get()), &der);
  const common::Sha256Digest hash =
      common::Sha256Digest::Of({reinterpret_cast<char*>(der), static_cast<std::size_t>(std::max(size, 0))});
  OPENSSL_free(der);
  return common::StrCat(name, " ", hash.ToHex().substr(0, 8));
}

absl::Status CheckKeyMatches(const common::SecretBytes& pkcs8, const common::Certificate& certificate) {
  const unsigned char* at = pkcs8.data();
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(pkcs8.size())), EVP_PKEY_free);
  const bool whole = key != nullptr && at == pkcs8.data() + pkcs8.size();
  const bool matches = whole && X509_check_private_key(certificate.get(), key.get()) == 1;
  const std::string errors = common::DrainOpensslErrors();
  if (!whole) return absl::InvalidArgumentError("the private key is not PKCS#8 DER");
  if (!matches) {
    return absl::InvalidArgumentError(
        common::StrCat("the private key is not that of the certificate of ", certificate.subject(), ": ", errors));
  }
  return absl::OkStatus();
}

}  // namespace

class NssCertificateStore::Impl {
 public:
  Impl(NssSession session, std::optional<TokenSettings> token) : session_(std::move(session)) {
    if (token.has_value()) token_.emplace(*std::move(token));
  }

  std::mutex& mutex() { return mutex_; }
  /// Where roots and intermediates are.
  [[nodiscard]] PK11SlotInfo* database() const { return session_.slot(); }
  /// Where keys and their certificates are.
  [[nodiscard]] absl::StatusOr<PK11SlotInfo*> KeySlot() { return token_.has_value() ? token_->Get() : database(); }
  [[nodiscard]] bool in_token() const { return token_.has_value(); }
  /// The key of a call that names one.
  absl::StatusOr<NssPtr<SECKEYPrivateKey>> Key(const std::string& ckaid) {
    ASSIGN_OR_RETURN(PK11SlotInfo* const slot, KeySlot());
    NssPtr<SECKEYPrivateKey> key = FindPrivateKey(slot, ckaid);
    if (key == nullptr)
      return absl::NotFoundError(common::StrCat("no key ", common::Quoted(ckaid), " in ", PlaceOfKeys()));
    return key;
  }
  [[nodiscard]] std::string_view PlaceOfKeys() const { return in_token() ? "the token" : "the NSS database"; }

  template <typename Visit>
  void ForEachCertificate(PK11SlotInfo* slot, const Visit& visit) const {
    const NssPtr<CERTCertList> list(PK11_ListCertsInSlot(slot));
    if (list == nullptr) return;
    for (CERTCertListNode* node = CERT_LIST_HEAD(list.get()); !CERT_LIST_END(node, list.get());
         node = CERT_LIST_NEXT(node)) {
      visit(node->cert);
    }
  }

  /// The stored twin of `der`, or null.
  [[nodiscard]] CertPtr Find(PK11SlotInfo* slot, std::string_view der) const {
    CertPtr found;
    ForEachCertificate(slot, [&](CERTCertificate* each) {
      if (found == nullptr && ViewOf(each->derCert) == der) found.reset(CERT_DupCertificate(each));
    });
    return found;
  }

  /// The nickname that certificates of this subject have already, else one made for it.
  [[nodiscard]] std::string NicknameOf(PK11SlotInfo* slot, CERTCertificate* decoded,
                                       const common::Certificate& certificate) const {
    std::string name;
    ForEachCertificate(slot, [&](CERTCertificate* each) {
      if (!name.empty() || each->nickname == nullptr || !SECITEM_ItemsAreEqual(&each->derSubject, &decoded->derSubject))
        return;
      const std::string_view full = each->nickname;
      const std::size_t colon = full.find(':');
      name = colon == std::string_view::npos ? full : full.substr(colon + 1);
    });
    return name.empty() ? NicknameFor(certificate) : name;
  }

  /// Puts the certificate in where it is not there yet; the stored one.
  absl::StatusOr<CertPtr> Store(PK11SlotInfo* slot, const common::Certificate& certificate) {
    if (CertPtr there = Find(slot, certificate.der()); there != nullptr) return there;
    ASSIGN_OR_RETURN(const CertPtr decoded, Decode(certificate));
    const std::string nickname = NicknameOf(slot, decoded.get(), certificate);
    if (PK11_ImportCert(slot, decoded.get(), CK_INVALID_HANDLE, nickname.c_str(), PR_FALSE) != SECSuccess) {
      return LastNssError(common::StrCat("importing the certificate of ", certificate.subject()));
    }
    CertPtr stored = Find(slot, certificate.der());
    if (stored == nullptr) return absl::InternalError("NSS took the certificate, and it is not there");
    return stored;
  }

  absl::StatusOr<std::string> CkaidOf(CERTCertificate* certificate) const {
    const NssPtr<SECKEYPublicKey> key(CERT_ExtractPublicKey(certificate));
    if (key == nullptr) return LastNssError("reading the certificate's public key");
    return CkaidOfPublicKey(key.get());
  }

 private:
  std::mutex mutex_;
  NssSession session_;
  std::optional<TokenSlot> token_;
};

NssCertificateStore::NssCertificateStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
NssCertificateStore::~NssCertificateStore() = default;

absl::StatusOr<std::unique_ptr<NssCertificateStore>> NssCertificateStore::Open(const std::string& directory,
                                                                               const common::SecretBytes& password,
                                                                               std::optional<TokenSettings> token) {
  ASSIGN_OR_RETURN(NssSession session, NssSession::Open(directory, password));
  return std::unique_ptr<NssCertificateStore>(
      new NssCertificateStore(std::make_unique<Impl>(std::move(session), std::move(token))));
}

absl::StatusOr<bool> NssCertificateStore::ImportRoot(const common::Certificate& root) {
  const std::lock_guard lock(impl_->mutex());
  if (X509_check_ca(root.get()) == 0) {
    return absl::InvalidArgumentError(common::StrCat("certificate of ", root.subject(), " is not a CA's"));
  }
  ASSIGN_OR_RETURN(const CertPtr stored, impl_->Store(impl_->database(), root));
  CERTCertTrust trust{};
  if (CERT_GetCertTrust(stored.get(), &trust) == SECSuccess && (trust.sslFlags & CERTDB_TRUSTED_CA) != 0 &&
      (trust.sslFlags & CERTDB_TRUSTED_CLIENT_CA) != 0) {
    return false;
  }
  if (CERT_DecodeTrustString(&trust, "CT,,") != SECSuccess ||
      CERT_ChangeCertTrust(CERT_GetDefaultCertDB(), stored.get(), &trust) != SECSuccess) {
    return LastNssError(common::StrCat("trusting ", root.subject()));
  }
  return true;
}

absl::Status NssCertificateStore::ImportIntermediate(const common::Certificate& certificate) {
  const std::lock_guard lock(impl_->mutex());
  if (X509_check_ca(certificate.get()) == 0) {
    return absl::InvalidArgumentError(common::StrCat("certificate of ", certificate.subject(), " is not a CA's"));
  }
  return impl_->Store(impl_->database(), certificate).status();
}

absl::StatusOr<bool> NssCertificateStore::RemoveIntermediate(const common::Certificate& certificate) {
  const std::lock_guard lock(impl_->mutex());
  const CertPtr stored = impl_->Find(impl_->database(), certificate.der());
  if (stored == nullptr) return false;
  CERTCertTrust trust{};
  if (CERT_GetCertTrust(stored.get(), &trust) == SECSuccess &&
      (trust.sslFlags & (CERTDB_TRUSTED_CA | CERTDB_TRUSTED_CLIENT_CA)) != 0) {
    return absl::FailedPreconditionError(common::StrCat(certificate.subject(), " is trusted"));
  }
  if (SEC_DeletePermCertificate(stored.get()) != SECSuccess) return LastNssError("deleting the certificate");
  return true;
}

absl::StatusOr<std::string> NssCertificateStore::ImportKey(const common::SecretBytes& pkcs8,
                                                           const common::Certificate& certificate) {
  const std::lock_guard lock(impl_->mutex());
  if (impl_->in_token()) return absl::FailedPreconditionError("keys are made in the token, none is put into it");
  RETURN_IF_ERROR(CheckKeyMatches(pkcs8, certificate));
  ASSIGN_OR_RETURN(const CertPtr decoded, Decode(certificate));
  const NssPtr<SECKEYPublicKey> public_key(CERT_ExtractPublicKey(decoded.get()));
  if (public_key == nullptr) return LastNssError("reading the certificate's public key");
  ASSIGN_OR_RETURN(std::string ckaid, CkaidOfPublicKey(public_key.get()));
  PK11SlotInfo* const slot = impl_->database();
  // The key first: a certificate without its key is what pluto would stumble over.
  if (FindPrivateKey(slot, ckaid) == nullptr) {
    RETURN_IF_ERROR(
        ImportPrivateKey(slot, pkcs8, impl_->NicknameOf(slot, decoded.get(), certificate), public_key.get()));
  }
  RETURN_IF_ERROR(impl_->Store(slot, certificate).status());
  return ckaid;
}

absl::StatusOr<std::vector<core::StoredKey>> NssCertificateStore::Keys() {
  const std::lock_guard lock(impl_->mutex());
  ASSIGN_OR_RETURN(PK11SlotInfo* const slot, impl_->KeySlot());
  std::vector<core::StoredKey> out;
  absl::Status bad;
  impl_->ForEachCertificate(slot, [&](CERTCertificate* each) {
    absl::StatusOr<std::string> ckaid = impl_->CkaidOf(each);
    if (!ckaid.ok() || FindPrivateKey(slot, *ckaid) == nullptr) return;
    absl::StatusOr<common::Certificate> certificate = common::Certificate::FromDer(ViewOf(each->derCert));
    if (!certificate.ok()) {
      bad = certificate.status();
      return;
    }
    out.push_back({std::move(ckaid).value(), std::move(certificate).value()});
  });
  if (!bad.ok()) return common::WithContext(bad, impl_->PlaceOfKeys());
  return out;
}

absl::StatusOr<std::vector<common::Certificate>> NssCertificateStore::Roots() {
  const std::lock_guard lock(impl_->mutex());
  std::vector<common::Certificate> out;
  impl_->ForEachCertificate(impl_->database(), [&](CERTCertificate* each) {
    CERTCertTrust trust{};
    if (CERT_GetCertTrust(each, &trust) != SECSuccess || (trust.sslFlags & CERTDB_TRUSTED_CA) == 0) return;
    absl::StatusOr<common::Certificate> root = common::Certificate::FromDer(ViewOf(each->derCert));
    if (root.ok()) out.push_back(std::move(root).value());
  });
  return out;
}

absl::Status NssCertificateStore::DeleteKey(const std::string& ckaid) {
  const std::lock_guard lock(impl_->mutex());
  ASSIGN_OR_RETURN(PK11SlotInfo* const slot, impl_->KeySlot());
  // The key first: what a power cut leaves is then a certificate that Keys() does not list.
  RETURN_IF_ERROR(DeleteKeyObjects(slot, ckaid));
  absl::Status bad;
  impl_->ForEachCertificate(slot, [&](CERTCertificate* each) {
    const absl::StatusOr<std::string> id = impl_->CkaidOf(each);
    if (id.ok() && *id == ckaid && SEC_DeletePermCertificate(each) != SECSuccess)
      bad = LastNssError("deleting the certificate");
  });
  return bad;
}

absl::StatusOr<std::string> NssCertificateStore::GenerateKey() {
  const std::lock_guard lock(impl_->mutex());
  ASSIGN_OR_RETURN(PK11SlotInfo* const slot, impl_->KeySlot());
  return GenerateP256(slot);
}

absl::StatusOr<std::string> NssCertificateStore::PublicKey(const std::string& ckaid) {
  const std::lock_guard lock(impl_->mutex());
  ASSIGN_OR_RETURN(const NssPtr<SECKEYPrivateKey> key, impl_->Key(ckaid));
  const NssPtr<SECKEYPublicKey> public_key(SECKEY_ConvertToPublicKey(key.get()));
  if (public_key == nullptr) return LastNssError("reading the public key");
  const NssPtr<SECItem> der(SECKEY_EncodeDERSubjectPublicKeyInfo(public_key.get()));
  if (der == nullptr) return LastNssError("encoding the public key");
  return std::string(ViewOf(*der));
}

absl::StatusOr<std::string> NssCertificateStore::Sign(const std::string& ckaid, core::SignedDigest digest,
                                                      std::string_view digest_bytes) {
  const std::lock_guard lock(impl_->mutex());
  ASSIGN_OR_RETURN(const NssPtr<SECKEYPrivateKey> key, impl_->Key(ckaid));
  return SignDigest(key.get(), digest, digest_bytes);
}

absl::StatusOr<common::SecretBytes> NssCertificateStore::RsaPrivate(const std::string& ckaid, core::RsaUse use,
                                                                    std::string_view block) {
  const std::lock_guard lock(impl_->mutex());
  ASSIGN_OR_RETURN(const NssPtr<SECKEYPrivateKey> key, impl_->Key(ckaid));
  return nss::RsaPrivate(key.get(), use, block);
}

absl::StatusOr<common::SecretBytes> NssCertificateStore::Agree(const std::string& ckaid, std::string_view point) {
  const std::lock_guard lock(impl_->mutex());
  ASSIGN_OR_RETURN(const NssPtr<SECKEYPrivateKey> key, impl_->Key(ckaid));
  return nss::Agree(key.get(), point);
}

absl::StatusOr<std::string> NssCertificateStore::ImportCertificate(const common::Certificate& certificate) {
  const std::lock_guard lock(impl_->mutex());
  ASSIGN_OR_RETURN(const CertPtr decoded, Decode(certificate));
  ASSIGN_OR_RETURN(std::string ckaid, impl_->CkaidOf(decoded.get()));
  ASSIGN_OR_RETURN(PK11SlotInfo* const slot, impl_->KeySlot());
  if (FindPrivateKey(slot, ckaid) == nullptr) {
    RETURN_IF_ERROR(CheckNotUnderAnotherId(slot, ckaid));
    return absl::NotFoundError(
        common::StrCat("the key of the certificate of ", certificate.subject(), " is not in ", impl_->PlaceOfKeys()));
  }
  RETURN_IF_ERROR(impl_->Store(slot, certificate).status());
  return ckaid;
}

absl::StatusOr<bool> NssCertificateStore::HasCertificate(const common::Certificate& certificate) {
  const std::lock_guard lock(impl_->mutex());
  ASSIGN_OR_RETURN(PK11SlotInfo* const slot, impl_->KeySlot());
  return impl_->Find(slot, certificate.der()) != nullptr;
}

absl::StatusOr<std::set<std::string>> NssCertificateStore::KeysWithoutCertificate() {
  const std::lock_guard lock(impl_->mutex());
  ASSIGN_OR_RETURN(PK11SlotInfo* const slot, impl_->KeySlot());
  ASSIGN_OR_RETURN(std::set<std::string> ckaids, PrivateKeys(slot, impl_->in_token()));
  impl_->ForEachCertificate(slot, [&](CERTCertificate* each) {
    if (const absl::StatusOr<std::string> ckaid = impl_->CkaidOf(each); ckaid.ok()) ckaids.erase(*ckaid);
  });
  return ckaids;
}

absl::StatusOr<common::SecretBytes> NssCertificateStore::DecryptOaep(const std::string& ckaid,
                                                                     std::string_view ciphertext) {
  const std::lock_guard lock(impl_->mutex());
  ASSIGN_OR_RETURN(const NssPtr<SECKEYPrivateKey> key, impl_->Key(ckaid));
  return DecryptByOaep(key.get(), ciphertext);
}

}  // namespace henb::x2sec::nss
