#include "henb-x2sec/app/credentials/credentials.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <utility>

#include "absl/time/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/app/credentials/certificate_path.h"
#include "henb-x2sec/app/credentials/private_key_file.h"

namespace henb::x2sec::app {
namespace {

using common::Certificate;
using common::StrCat;

std::string OperatorFile(const Config& config) { return StrCat(config.state_dir, "/operator.pem"); }

std::string LearnedRootsFile(const Config& config) { return StrCat(config.state_dir, "/operator-roots.json"); }

/// What is wrong with a file is InvalidArgument, whatever it is.
absl::Status InFile(const absl::Status& status, std::string_view path) {
  if (status.ok()) return status;
  const std::string_view message = common::ToStd(status.message());
  return absl::InvalidArgumentError(message.starts_with(path) ? std::string(message) : StrCat(path, ": ", message));
}

absl::StatusOr<std::vector<Certificate>> ReadCertificates(const std::string& path) {
  const absl::StatusOr<std::string> pem = common::ReadFile(path);
  if (!pem.ok()) return InFile(pem.status(), path);
  absl::StatusOr<std::vector<Certificate>> chain = Certificate::ChainFromPem(*pem);
  if (!chain.ok()) return InFile(chain.status(), path);
  return chain;
}

absl::StatusOr<std::vector<Certificate>> ReadRoots(const std::string& path) {
  ASSIGN_OR_RETURN(std::vector<Certificate> roots, ReadCertificates(path));
  for (const Certificate& root : roots) {
    if (X509_check_ca(root.get()) != 0 && root.is_self_issued()) continue;
    return absl::InvalidArgumentError(StrCat(path, ": ", root.subject(), " is not a root certificate"));
  }
  return roots;
}

bool HasRsaKey(const Certificate& certificate) {
  EVP_PKEY* key = X509_get0_pubkey(certificate.get());
  return key != nullptr && EVP_PKEY_is_a(key, "RSA") == 1;
}

/// Leaf first, identity and path checked.
absl::StatusOr<Credential> MakeCredential(const std::vector<Certificate>& chain, const common::HenbId& id,
                                          const std::vector<Certificate>& roots) {
  const Certificate& leaf = chain.front();
  ASSIGN_OR_RETURN(const common::HenbId named, leaf.Identity());
  if (named != id) {
    return absl::InvalidArgumentError(StrCat("the certificate names ", named.str(), ", device.id is ", id.str()));
  }
  ASSIGN_OR_RETURN(CertificatePath path, FindPath(leaf, {chain.begin() + 1, chain.end()}, roots));
  return Credential{.certificate = leaf,
                    .intermediates = std::move(path.intermediates),
                    .anchor = std::move(path.anchor),
                    .ckaid = "",
                    .rsa = HasRsaKey(leaf)};
}

/// The ckaid of the key in `store` whose certificate this is; NotFound when it is not there.
absl::StatusOr<std::string> FindKey(core::CertificateStore& store, const Certificate& certificate) {
  ASSIGN_OR_RETURN_CTX(const std::vector<core::StoredKey> keys, store.Keys(), "listing the keys");
  for (const core::StoredKey& key : keys) {
    if (key.certificate.spki() == certificate.spki()) return key.ckaid;
  }
  return absl::NotFoundError(StrCat("the private key of ", certificate.subject(), " is not where keys are kept"));
}

}  // namespace

absl::StatusOr<std::vector<Certificate>> Credentials::ReadVendorRoots(const Config& config) {
  return ReadRoots(config.vendor_root);
}

absl::StatusOr<Credentials> Credentials::Load(const Config& config, core::CertificateStore& store,
                                              const std::vector<OperatorRoot>& provisioned) {
  Credentials out;
  ASSIGN_OR_RETURN(out.vendor_roots_, ReadRoots(config.vendor_root));
  if (config.operator_root) {
    ASSIGN_OR_RETURN(const std::vector<Certificate> roots, ReadRoots(*config.operator_root));
    for (const Certificate& root : roots) out.AddRoot({root, "FILE", absl::InfinitePast()});
  }
  for (const OperatorRoot& root : provisioned) out.AddRoot(root);
  const absl::StatusOr<std::vector<OperatorRoot>> learned = ReadLearnedRoots(LearnedRootsFile(config));
  if (learned.ok()) {
    for (const OperatorRoot& root : *learned) out.AddRoot(root);
  } else {
    common::LogAlarm("credentials.roots_unreadable", {{"error", learned.status()}});  // Enrolment learns them anew.
  }
  ASSIGN_OR_RETURN(const std::vector<Certificate> chain, ReadCertificates(config.vendor_certificate));
  absl::StatusOr<Credential> vendor = MakeCredential(chain, config.id, out.vendor_roots_);
  if (!vendor.ok()) return InFile(vendor.status(), config.vendor_certificate);
  out.vendor_ = *std::move(vendor);
  if (config.token) {
    out.key_store_ = StrCat("PKCS11:", config.token->label);
  } else {
    absl::StatusOr<common::SecretBytes> key = ReadPrivateKeyFile(config.vendor_key);
    if (!key.ok()) return InFile(key.status(), config.vendor_key);
    out.vendor_key_ = *std::move(key);
    const absl::Status belongs = ToPkcs8(out.vendor_key_, out.vendor_->certificate).status();
    if (!belongs.ok()) return InFile(belongs, config.vendor_key);
  }
  absl::StatusOr<std::optional<Credential>> found = FindOperator(config, store, out.operator_roots_);
  if (found.ok()) {
    out.Restore(*std::move(found));
  } else if (!config.token || !absl::IsFailedPrecondition(found.status())) {
    return found.status();
  }
  return out;
}

// One that is no use any more (another root, another name, its key gone) is left aside: the device enrols again.
absl::StatusOr<std::optional<Credential>> Credentials::FindOperator(const Config& config, core::CertificateStore& store,
                                                                    const std::vector<Certificate>& roots) {
  const std::string path = OperatorFile(config);
  const absl::StatusOr<std::string> pem = common::ReadFile(path);
  if (absl::IsNotFound(pem.status())) return std::nullopt;
  absl::Status problem = pem.status();
  if (problem.ok()) {
    const absl::StatusOr<std::vector<Certificate>> chain = Certificate::ChainFromPem(*pem);
    absl::StatusOr<Credential> credential =
        chain.ok() ? MakeCredential(*chain, config.id, roots) : absl::StatusOr<Credential>(chain.status());
    problem = credential.status();
    if (problem.ok()) {
      const absl::StatusOr<std::string> ckaid = FindKey(store, credential->certificate);
      if (ckaid.ok()) {
        credential->ckaid = *ckaid;
        return *std::move(credential);
      }
      if (!absl::IsNotFound(ckaid.status())) return ckaid.status();
      problem = ckaid.status();
    }
  }
  common::LogWarning("credentials.operator_unusable", {{"path", path}, {"error", problem}});
  return std::nullopt;
}

void Credentials::Restore(std::optional<Credential> found) {
  if (!operator_) operator_ = std::move(found);
}

void Credentials::AddRoot(OperatorRoot root) {
  for (const Certificate& each : operator_roots_) {
    if (each.der() == root.certificate.der()) return;
  }
  operator_roots_.push_back(root.certificate);
  known_roots_.push_back(std::move(root));
}

void Credentials::SetProvisionedRoots(std::vector<OperatorRoot> roots) {
  std::vector<OperatorRoot> kept;
  kept.swap(known_roots_);
  operator_roots_.clear();
  for (OperatorRoot& root : kept) {
    if (root.origin != core::NameOf(core::RootSource::kProvisioned)) AddRoot(std::move(root));
  }
  for (OperatorRoot& root : roots) AddRoot(std::move(root));
}

void Credentials::Adopt(Credential operator_credential) {
  AddRoot({operator_credential.anchor, std::string(core::NameOf(operator_credential.anchor_source)), absl::Now()});
  operator_ = std::move(operator_credential);
}

absl::StatusOr<CredentialImport::Result> CredentialImport::Into(core::CertificateStore& store) const {
  Result result;
  for (const Certificate& root : roots) {
    ASSIGN_OR_RETURN_CTX(const bool is_new, store.ImportRoot(root), StrCat("importing the root ", root.subject()));
    result.root_is_new = result.root_is_new || is_new;
  }
  for (const Certificate& each : intermediates) {
    RETURN_IF_ERROR_CTX(store.ImportIntermediate(each), StrCat("importing ", each.subject()));
  }
  if (vendor_key_pem.empty()) {
    ASSIGN_OR_RETURN_CTX(result.vendor_ckaid, store.ImportCertificate(vendor), "the vendor key");
    return result;
  }
  ASSIGN_OR_RETURN(const common::SecretBytes pkcs8, ToPkcs8(vendor_key_pem, vendor));
  ASSIGN_OR_RETURN_CTX(result.vendor_ckaid, store.ImportKey(pkcs8, vendor), "importing the vendor key");
  return result;
}

CredentialImport Credentials::ToImport() const {
  CredentialImport out{.roots = vendor_roots_,
                       .intermediates = vendor_->intermediates,
                       .vendor = vendor_->certificate,
                       .vendor_key_pem = vendor_key_.Clone()};
  out.roots.insert(out.roots.end(), operator_roots_.begin(), operator_roots_.end());
  if (operator_) {
    out.intermediates.insert(out.intermediates.end(), operator_->intermediates.begin(), operator_->intermediates.end());
  }
  return out;
}

bool Credentials::Imported(const CredentialImport::Result& result) {
  return std::exchange(vendor_->ckaid, result.vendor_ckaid) != result.vendor_ckaid;
}

absl::StatusOr<bool> Credentials::ImportInto(core::CertificateStore& store) {
  ASSIGN_OR_RETURN(const CredentialImport::Result result, ToImport().Into(store));
  Imported(result);
  return result.root_is_new;
}

absl::StatusOr<Credential> Credentials::InstallEnrolled(const Config& config, core::CertificateStore& store,
                                                        core::Enrolled enrolled) {
  Credential out{.certificate = enrolled.certificate,
                 .intermediates = std::move(enrolled.intermediates),
                 .anchor = enrolled.anchor,
                 .ckaid = "",
                 .rsa = HasRsaKey(enrolled.certificate),
                 .anchor_source = enrolled.anchor_source};
  if (out.anchor_source != core::RootSource::kProvisioned) {
    const OperatorRoot root{out.anchor, std::string(core::NameOf(out.anchor_source)), absl::Now()};
    RETURN_IF_ERROR_CTX(KeepLearnedRoot(LearnedRootsFile(config), root), "keeping the operator's root");
  }
  RETURN_IF_ERROR_CTX(store.ImportRoot(out.anchor).status(), "importing the operator's root");
  std::string pem = out.certificate.pem();
  for (const Certificate& each : out.intermediates) {
    RETURN_IF_ERROR_CTX(store.ImportIntermediate(each), StrCat("importing ", each.subject()));
    pem += each.pem();
  }
  if (!enrolled.private_key_pkcs8.empty()) {
    ASSIGN_OR_RETURN_CTX(out.ckaid, store.ImportKey(enrolled.private_key_pkcs8, out.certificate),
                         "importing the operator key");
  } else {
    ASSIGN_OR_RETURN(out.ckaid, FindKey(store, out.certificate));
    if (!enrolled.ckaid.empty() && enrolled.ckaid != out.ckaid) {
      return absl::InternalError(
          StrCat("the key of the enrolled certificate is ", out.ckaid, ", not ", enrolled.ckaid));
    }
  }
  // The key first: a file without its key would only be left aside at the next start.
  RETURN_IF_ERROR_CTX(common::WriteFileAtomically(OperatorFile(config), pem, 0644), "keeping the operator certificate");
  return out;
}

std::vector<std::string> Credentials::KeepOnly(const std::set<std::string>& ckaids) {
  std::vector<std::string> lost;
  if (!vendor_->ckaid.empty() && !ckaids.contains(vendor_->ckaid)) {
    lost.push_back(vendor_->certificate.subject());
    vendor_->ckaid.clear();
  }
  if (operator_ && !ckaids.contains(operator_->ckaid)) {
    lost.push_back(operator_->certificate.subject());
    operator_.reset();
  }
  return lost;
}

bool Credentials::Enrolled(absl::Time now) const {
  return operator_ && operator_->certificate.not_before() <= now && now < operator_->certificate.not_after();
}

std::string Credentials::SubjectOf(const common::SpkiHash& anchor) const {
  for (const std::vector<Certificate>* roots : {&vendor_roots_, &operator_roots_}) {
    for (const Certificate& root : *roots) {
      if (root.spki() == anchor) return root.subject();
    }
  }
  return "";
}

}  // namespace henb::x2sec::app
