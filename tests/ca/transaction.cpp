#include "tests/ca/transaction.h"

#include <algorithm>

#include "common/log.h"
#include "common/status.h"
#include "tests/ca/cert_request.h"

namespace henb::tests {
namespace {

using x2sec::enrol::BodyType;
using x2sec::enrol::IsStrongMac;
using x2sec::enrol::IsStrongSignature;
using x2sec::enrol::PkiMessageSummary;

struct StackDeleter {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
};
using StackPtr = std::unique_ptr<STACK_OF(X509), StackDeleter>;

StackPtr StackOf(const std::vector<common::Certificate>& certificates) {
  StackPtr out(sk_X509_new_null());
  for (const common::Certificate& each : certificates) {
    X509_up_ref(each.get());
    sk_X509_push(out.get(), each.get());
  }
  return out;
}

/// Vendor roots, and the operator's for rr and kur, which the operator's own certificates sign.
OpensslPtr<X509_STORE> TrustFor(const TestCaConfig& config) {
  OpensslPtr<X509_STORE> store(X509_STORE_new());
  for (const common::Certificate& root : config.vendor_roots) X509_STORE_add_cert(store.get(), root.get());
  X509_STORE_add_cert(store.get(), config.ca_chain.back().get());
  return store;
}

OSSL_CMP_PKISI* Rejection(int fail_info, const std::string& text) {
  common::LogInfo("ca.refused", {{"reason", text}});
  return OSSL_CMP_STATUSINFO_new(OSSL_CMP_PKISTATUS_rejection, 1 << fail_info, text.c_str());
}

Transaction* Of(OSSL_CMP_SRV_CTX* server) {
  return static_cast<Transaction*>(OSSL_CMP_SRV_CTX_get0_custom_ctx(server));
}

}  // namespace

Transaction::Transaction(TestCa* ca, std::string id) : ca_(ca), id_(std::move(id)) {
  const TestCaConfig& config = ca_->config();
  server_ = OSSL_CMP_SRV_CTX_new(nullptr, nullptr);
  OSSL_CMP_SRV_CTX_init(server_, this, OnCertRequest, OnRevocation, nullptr, OnError, OnCertConf, OnPollReq);
  OSSL_CMP_SRV_CTX_set_grant_implicit_confirm(server_, config.grant_implicit_confirm ? 1 : 0);
  OSSL_CMP_CTX* context = OSSL_CMP_SRV_CTX_get0_cmp_ctx(server_);
  OSSL_CMP_CTX_set1_cert(context, ca_->ra().certificate.get());
  OSSL_CMP_CTX_set1_pkey(context, ca_->ra().key.get());
  OSSL_CMP_CTX_set0_trustedStore(context, TrustFor(config).release());
  std::vector<common::Certificate> chain(config.ca_chain.begin(), config.ca_chain.end() - 1);
  // An empty list would leave the context with none at all, and every message would fail.
  if (!chain.empty()) OSSL_CMP_CTX_set1_untrusted(context, StackOf(chain).get());
}

Transaction::~Transaction() { OSSL_CMP_SRV_CTX_free(server_); }

std::optional<common::Certificate> Transaction::VerifiedSigner(const PkiMessageSummary& summary) const {
  if (summary.extra_certs.empty()) return std::nullopt;
  const auto received = x2sec::enrol::CertificatesIn(summary.extra_certs);
  if (!received.ok()) return std::nullopt;
  const common::Certificate& signer = received->front();
  const OpensslPtr<X509_STORE> trust = TrustFor(ca_->config());
  const StackPtr untrusted = StackOf(*received);
  const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> path(X509_STORE_CTX_new(), X509_STORE_CTX_free);
  if (X509_STORE_CTX_init(path.get(), trust.get(), signer.get(), untrusted.get()) != 1) return std::nullopt;
  X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(path.get()), 2);
  if (X509_verify_cert(path.get()) != 1) {
    common::LogInfo("ca.untrusted_signer",
                    {{"subject", signer.subject()},
                     {"error", X509_verify_cert_error_string(X509_STORE_CTX_get_error(path.get()))}});
    return std::nullopt;
  }
  return signer;
}

bool Transaction::TakeMac(const PkiMessageSummary& summary) {
  const bool first = summary.requests > 0;
  if (!summary.password_mac.has_value()) return first || mac_reference_.empty();
  if (!first) return summary.sender_kid == mac_reference_;
  mac_reference_ = summary.sender_kid;
  if (const absl::StatusOr<common::HenbId> device = common::HenbId::Parse(mac_reference_); device.ok())
    signer_ = *device;
  if (ca_->sin().IgnoresMac()) {
    OSSL_CMP_SRV_CTX_set_accept_unprotected(server_, 1);
    return true;
  }
  const auto& secrets = ca_->config().mac_secrets;
  const auto secret = secrets.find(mac_reference_);
  if (secret == secrets.end()) return true;  // The library refuses what it can't verify.
  const auto octets = [](const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); };
  OSSL_CMP_CTX* context = OSSL_CMP_SRV_CTX_get0_cmp_ctx(server_);
  OSSL_CMP_CTX_set1_referenceValue(context, octets(mac_reference_), static_cast<int>(mac_reference_.size()));
  OSSL_CMP_CTX_set1_secretValue(context, octets(secret->second), static_cast<int>(secret->second.size()));
  OSSL_CMP_CTX_set_option(context, OSSL_CMP_OPT_MAC_ALGNID, NID_hmacWithSHA256);
  return true;
}

std::optional<std::string> Transaction::Handle(const PkiMessageSummary& summary, const std::string& der) {
  const std::lock_guard lock(mutex_);
  OSSL_CMP_CTX* context = OSSL_CMP_SRV_CTX_get0_cmp_ctx(server_);
  if (summary.body == BodyType::kKur) update_ = true;
  if (const auto signer = VerifiedSigner(summary); signer.has_value()) {
    signer_certificate_ = *signer;
    // Pinned: the library would try every certificate of extraCerts.
    OSSL_CMP_CTX_set1_srvCert(context, signer->get());
    const absl::StatusOr<common::HenbId> identity = signer->Identity();
    if (identity.ok()) signer_ = *identity;
  }
  if (!TakeMac(summary)) {
    common::LogInfo("ca.other_protection", {{"reference", mac_reference_}});
    return std::nullopt;
  }
  const bool strong = summary.password_mac.has_value()
                          ? IsStrongMac(*summary.password_mac)
                          : summary.protection_nid.has_value() && IsStrongSignature(*summary.protection_nid);
  weak_ = !strong || (summary.requests > 0 && !IsStrongSignature(summary.pop_nid.value_or(0)));
  ca_->sin().AlterSession(context, ca_->impostor());

  const OpensslPtr<BIO> in(BIO_new_mem_buf(der.data(), static_cast<int>(der.size())));
  OSSL_CMP_MSG* request = d2i_OSSL_CMP_MSG_bio(in.get(), nullptr);
  if (request == nullptr) return std::nullopt;
  OSSL_CMP_MSG* answer = OSSL_CMP_SRV_process_request(server_, request);
  OSSL_CMP_MSG_free(request);
  const std::string errors = common::DrainOpensslErrors();
  if (answer == nullptr) {
    common::LogWarning("ca.no_answer", {{"error", errors}});
    return std::nullopt;
  }
  const auto body = static_cast<BodyType>(OSSL_CMP_MSG_get_bodytype(answer));
  common::LogInfo("ca.answered", {{"request", x2sec::enrol::NameOf(summary.body)},
                                  {"answer", x2sec::enrol::NameOf(body)},
                                  {"transaction", common::ToHex(id_)},
                                  {"detail", body == BodyType::kError ? errors : ""}});
  const OpensslPtr<BIO> out(BIO_new(BIO_s_mem()));
  i2d_OSSL_CMP_MSG_bio(out.get(), answer);
  OSSL_CMP_MSG_free(answer);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return ca_->sin().AlterReply(summary.body, std::string(data, static_cast<std::size_t>(size)));
}

absl::Status Transaction::CheckUpdate(const OSSL_CRMF_MSG* message, EVP_PKEY* new_key) const {
  if (!signer_certificate_.has_value()) return absl::PermissionDeniedError("the kur has no verified signer");
  const std::string serial = signer_certificate_->serial_hex();
  const std::optional<LedgerEntry> entry = ca_->ledger().Find(serial);
  if (!entry.has_value() || entry->identity != signer_->str() || entry->state != CertificateState::kConfirmed) {
    return absl::PermissionDeniedError(
        common::StrCat("the kur is signed with ", serial, ", which is no current certificate of this device"));
  }
  const OSSL_CRMF_CERTID* old = OSSL_CRMF_MSG_get0_regCtrl_oldCertID(message);
  if (old == nullptr || ASN1_INTEGER_cmp(OSSL_CRMF_CERTID_get0_serialNumber(old),
                                         X509_get0_serialNumber(signer_certificate_->get())) != 0) {
    return absl::InvalidArgumentError("oldCertId is not the signer's certificate");
  }
  if (EVP_PKEY_eq(new_key, X509_get0_pubkey(signer_certificate_->get())) == 1) {
    return absl::InvalidArgumentError("the kur brings no new key");
  }
  return absl::OkStatus();
}

absl::StatusOr<common::Certificate> Transaction::Issue(const OSSL_CRMF_MSG* message) {
  const TestCaConfig& config = ca_->config();
  if (weak_) return absl::InvalidArgumentError("protection or proof of possession is not SHA-2");
  if (!signer_.has_value()) return absl::PermissionDeniedError("the signer's certificate has no single dNSName");
  if (!config.devices.empty() &&
      std::find(config.devices.begin(), config.devices.end(), signer_->str()) == config.devices.end()) {
    return absl::PermissionDeniedError(common::StrCat(signer_->str(), " is not on the list of devices"));
  }
  if (!mac_reference_.empty()) RETURN_IF_ERROR(ca_->CheckCredentialUnused(mac_reference_));
  ASSIGN_OR_RETURN(const CertRequest request, ReadCertRequest(message));
  if (request.dns_names != std::vector<std::string>{signer_->str()}) {
    return absl::InvalidArgumentError("the SAN asked for is not the signer's");
  }
  if (update_) {
    RETURN_IF_ERROR(CheckUpdate(message, request.public_key.get()));
    replaced_ = signer_certificate_->serial_hex();
  }
  return Certify(request, signer_->str(), "");
}

absl::StatusOr<common::Certificate> Transaction::IssueThroughNem(const X509_REQ* p10) {
  const TestCaConfig& config = ca_->config();
  if (weak_) return absl::InvalidArgumentError("the protection is not SHA-2");
  const auto is_signer = [this](const common::Certificate& nem) {
    return signer_certificate_.has_value() && signer_certificate_->der() == nem.der();
  };
  if (std::none_of(config.nems.begin(), config.nems.end(), is_signer)) {
    return absl::PermissionDeniedError("the signer is no NEM of this operator");
  }
  ASSIGN_OR_RETURN(const CertRequest request, ReadPkcs10(p10));
  if (request.dns_names.size() != 1) return absl::InvalidArgumentError("the PKCS#10 does not name one device");
  const std::string& device = request.dns_names.front();
  if (std::find(config.devices.begin(), config.devices.end(), device) == config.devices.end()) {
    return absl::PermissionDeniedError(common::StrCat(device, " is not on the list of devices"));
  }
  return Certify(request, device, signer_certificate_->serial_hex());
}

absl::StatusOr<common::Certificate> Transaction::Certify(const CertRequest& request, const std::string& identity,
                                                         const std::string& through) {
  CertificateSpec spec{.subject = request.subject,
                       .dns_names = request.dns_names,
                       .extended_usages = {"clientAuth", "serverAuth", "1.3.6.1.5.5.7.3.17"},
                       .not_before = absl::Now() - absl::Minutes(1),
                       .not_after = absl::Now() + ca_->config().validity};
  ca_->sin().AlterCertificate(&spec);
  const OpensslPtr<EVP_PKEY> other_key = ca_->sin().KeyToCertify();
  EVP_PKEY* key = other_key != nullptr ? other_key.get() : request.public_key.get();
  ASSIGN_OR_RETURN(common::Certificate certificate, ca_->Issue(spec, key, ca_->sin().IssuesFromOtherCa()));
  ca_->ledger().Add({.serial = certificate.serial_hex(),
                     .identity = identity,
                     .spki = certificate.spki().ToHex(),
                     .transaction = common::ToHex(id_),
                     .reason = "",
                     .through = through,
                     .protection = mac_reference_.empty() ? "SIGNATURE" : "MAC",
                     .issued_at = absl::Now(),
                     .changed_at = absl::Now()});
  return certificate;
}

OSSL_CMP_PKISI* Transaction::OnCertRequest(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* request, int /*id*/,
                                           const OSSL_CRMF_MSG* message, const X509_REQ* p10, X509** certificate,
                                           STACK_OF(X509) * *chain, STACK_OF(X509) * *ca_certificates) {
  Transaction* self = Of(server);
  *ca_certificates = self->ca_->config().ca_pubs.empty() ? nullptr : StackOf(self->ca_->config().ca_pubs).release();
  const bool was_waiting = self->waiting_ != nullptr;
  if (self->ca_->waiting_polls() != 0 && !was_waiting && !self->weak_) {
    self->waiting_.reset(OSSL_CMP_MSG_dup(request));
    return OSSL_CMP_STATUSINFO_new(OSSL_CMP_PKISTATUS_waiting, 0, "an operator looks at it");
  }
  const absl::StatusOr<common::Certificate> issued =
      message == nullptr ? self->IssueThroughNem(p10) : self->Issue(message);
  if (!issued.ok()) {
    const bool denied = issued.status().code() == absl::StatusCode::kPermissionDenied;
    return Rejection(denied ? OSSL_CMP_PKIFAILUREINFO_notAuthorized : OSSL_CMP_PKIFAILUREINFO_badCertTemplate,
                     std::string(issued.status().message()));
  }
  if (!self->mac_reference_.empty()) self->ca_->sin().AlterMac(OSSL_CMP_SRV_CTX_get0_cmp_ctx(server));
  self->issued_ = *issued;
  const bool implicit = self->ca_->config().grant_implicit_confirm;
  if (implicit) {
    (void)self->ca_->ledger().Set(issued->serial_hex(), CertificateState::kConfirmed, "implicitly");
    self->Confirmed();
  } else {
    self->deadline_ = absl::Now() + self->ca_->config().confirm_timeout;
  }
  X509_up_ref(issued->get());
  *certificate = issued->get();
  const std::vector<common::Certificate>& path = self->ca_->config().ca_chain;
  std::vector<common::Certificate> sent(path.begin(), path.end() - 1);
  const std::vector<common::Certificate>& extra = self->ca_->config().extra_certs;
  sent.insert(sent.end(), extra.begin(), extra.end());
  self->ca_->sin().AlterExtraCerts(*self->ca_, &sent);
  *chain = StackOf(sent).release();
  return OSSL_CMP_STATUSINFO_new(OSSL_CMP_PKISTATUS_accepted, 0, nullptr);
}

int Transaction::OnPollReq(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* /*request*/, int /*id*/,
                           OSSL_CMP_MSG** waiting, int64_t* check_after) {
  Transaction* self = Of(server);
  const TestCaConfig& config = self->ca_->config();
  *waiting = nullptr;
  if (self->waiting_ == nullptr) return 0;
  if (self->ca_->waiting_polls() < 0 || self->polls_++ < self->ca_->waiting_polls()) {
    *check_after = absl::ToInt64Seconds(config.check_after);
    return 1;
  }
  *waiting = OSSL_CMP_MSG_dup(self->waiting_.get());
  return *waiting == nullptr ? 0 : 1;
}

void Transaction::OnError(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* /*request*/, const OSSL_CMP_PKISI* /*status*/,
                          const ASN1_INTEGER* /*code*/, const OSSL_CMP_PKIFREETEXT* /*details*/) {
  Transaction* self = Of(server);
  common::LogInfo("ca.given_up", {{"waited", self->waiting_ != nullptr}});
  self->waiting_.reset();
  ++self->ca_->given_up();
}

absl::Status Transaction::Confirm(std::string_view hash, const std::string& status) {
  if (!issued_.has_value()) return absl::FailedPreconditionError("nothing to confirm");
  deadline_ = absl::InfiniteFuture();
  Ledger& ledger = ca_->ledger();
  const std::string serial = issued_->serial_hex();
  if (!status.empty() && status.find("accepted") == std::string::npos) {
    return ledger.Set(serial, CertificateState::kRevoked, common::StrCat("rejected: ", status));
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  X509_digest(issued_->get(), EVP_sha256(), digest, &size);
  if (hash != std::string_view(reinterpret_cast<char*>(digest), size)) {
    (void)ledger.Set(serial, CertificateState::kRevoked, "certHash does not match");
    return absl::InvalidArgumentError("certHash does not match");
  }
  if (ca_->sin().RefusesConfirmation()) {
    (void)ledger.Set(serial, CertificateState::kRevoked, "confirmation refused");
    return absl::PermissionDeniedError("confirmation refused");
  }
  Confirmed();
  return ledger.Set(serial, CertificateState::kConfirmed);
}

void Transaction::Confirmed() {
  if (!mac_reference_.empty()) ca_->CredentialUsed(mac_reference_, issued_->serial_hex());
  Supersede();
}

void Transaction::Supersede() {
  if (replaced_.has_value()) (void)ca_->ledger().Set(*replaced_, CertificateState::kRevoked, "superseded");
}

int Transaction::OnCertConf(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* /*request*/, int /*id*/,
                            const ASN1_OCTET_STRING* hash, const OSSL_CMP_PKISI* status) {
  char text[OSSL_CMP_PKISI_BUFLEN] = "";
  if (status != nullptr && OSSL_CMP_snprint_PKIStatusInfo(status, text, sizeof text) == nullptr) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(ASN1_STRING_get0_data(hash)),
                               static_cast<std::size_t>(ASN1_STRING_length(hash)));
  return Of(server)->Confirm(bytes, text).ok() ? 1 : 0;
}

OSSL_CMP_PKISI* Transaction::OnRevocation(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* /*request*/,
                                          const X509_NAME* /*issuer*/, const ASN1_INTEGER* serial) {
  Transaction* self = Of(server);
  const OpensslPtr<BIGNUM> number(ASN1_INTEGER_to_BN(serial, nullptr));
  const std::unique_ptr<char, void (*)(char*)> hex(BN_bn2hex(number.get()), [](char* text) { OPENSSL_free(text); });
  std::string text = hex.get();
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const LedgerEntry& entry : self->ca_->ledger().Entries()) {
    const bool own = self->signer_.has_value() && entry.identity == self->signer_->str();
    const bool asked_for = self->signer_certificate_.has_value() && !entry.through.empty() &&
                           entry.through == self->signer_certificate_->serial_hex();
    if (entry.serial != text || (!own && !asked_for)) continue;
    (void)self->ca_->ledger().Set(text, CertificateState::kRevoked, kAskedByRr);
    return OSSL_CMP_STATUSINFO_new(OSSL_CMP_PKISTATUS_accepted, 0, nullptr);
  }
  return Rejection(OSSL_CMP_PKIFAILUREINFO_badCertId, "no such certificate of this device");
}

absl::Time Transaction::confirm_deadline() {
  const std::lock_guard lock(mutex_);
  return deadline_;
}

void Transaction::GiveUp() {
  const std::lock_guard lock(mutex_);
  deadline_ = absl::InfiniteFuture();
  if (issued_.has_value())
    (void)ca_->ledger().Set(issued_->serial_hex(), CertificateState::kRevoked, "never confirmed");
}

}  // namespace henb::tests
