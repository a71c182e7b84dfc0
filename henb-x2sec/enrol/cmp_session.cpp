#include "henb-x2sec/enrol/cmp_session.h"

#include <openssl/cmperr.h>
#include <openssl/crmf.h>
#include <openssl/err.h>

#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/enrol/cmp_events.h"
#include "henb-x2sec/enrol/poll_schedule.h"

namespace henb::x2sec::enrol {
namespace {

using absl::StatusCode;

/// The library gives up polling seconds before its total timeout; ours is the one that counts.
constexpr absl::Duration kLibrarySlack = absl::Minutes(1);

int LogLine(const char* /*function*/, const char* /*file*/, int /*line*/, OSSL_CMP_severity /*level*/,
            const char* text) {
  common::LogDebug("cmp.library", {{"text", common::Quoted(text == nullptr ? "" : text, 300)}});
  return 1;
}

BodyType AnswerTo(BodyType request) {
  if (request == BodyType::kKur) return BodyType::kKup;
  return request == BodyType::kP10cr ? BodyType::kCp : BodyType::kIp;
}

int WholeSeconds(absl::Duration duration) {
  return std::max(1, static_cast<int>(absl::ToInt64Seconds(absl::Ceil(duration, absl::Seconds(1)))));
}

std::string Encode(const OSSL_CMP_MSG* message) {
  unsigned char* der = nullptr;
  const int size = i2d_OSSL_CMP_MSG(message, &der);
  std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(std::max(size, 0)));
  OPENSSL_free(der);
  return out;
}

/// The library's errors, and whether the protection is among them. Empties the queue.
std::string DrainErrors(bool* protection) {
  std::string text;
  while (const unsigned long code = ERR_get_error()) {
    if (ERR_GET_LIB(code) == ERR_LIB_CMP) {
      const int reason = ERR_GET_REASON(code);
      *protection |= reason == CMP_R_ERROR_VALIDATING_PROTECTION || reason == CMP_R_ERROR_VALIDATING_SIGNATURE ||
                     reason == CMP_R_NO_SUITABLE_SENDER_CERT || reason == CMP_R_SRVCERT_DOES_NOT_VALIDATE_MSG ||
                     reason == CMP_R_POTENTIALLY_INVALID_CERTIFICATE || reason == CMP_R_WRONG_PBM_VALUE;
    }
    char line[256];
    ERR_error_string_n(code, line, sizeof line);
    common::StrAppend(&text, text.empty() ? "" : "; ", line);
  }
  return text.empty() ? "no detail" : text;
}

}  // namespace

CmpSession::CmpSession(const CmpSessionParts& parts)
    : parts_(parts),
      roots_(parts.operator_roots),
      context_(OSSL_CMP_CTX_new(nullptr, nullptr)),
      deadline_(parts.clock.Steady() + parts.total_timeout) {}

bool CmpSession::PrepareProtection() {
  OSSL_CMP_CTX* context = context_.get();
  if (parts_.mac_secret != nullptr) {
    const auto octets = [](const auto& bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); };
    // The library's own choice would be HMAC-SHA1.
    return OSSL_CMP_CTX_set1_referenceValue(context, octets(parts_.mac_reference),
                                            static_cast<int>(parts_.mac_reference.size())) == 1 &&
           OSSL_CMP_CTX_set1_secretValue(context, octets(*parts_.mac_secret),
                                         static_cast<int>(parts_.mac_secret->size())) == 1 &&
           OSSL_CMP_CTX_set_option(context, OSSL_CMP_OPT_OWF_ALGNID, NID_sha256) == 1 &&
           OSSL_CMP_CTX_set_option(context, OSSL_CMP_OPT_MAC_ALGNID, NID_hmacWithSHA256) == 1;
  }
  std::vector<common::Certificate> intermediates;
  for (std::size_t i = 1; i < parts_.signer_chain.size(); ++i) {
    if (!parts_.signer_chain[i].is_self_issued()) intermediates.push_back(parts_.signer_chain[i]);
  }
  return OSSL_CMP_CTX_set1_cert(context, parts_.signer_chain.front().get()) == 1 &&
         OSSL_CMP_CTX_set1_pkey(context, parts_.signer_key.get()) == 1 &&
         // An empty list would leave the context with none at all, and every answer would fail.
         (intermediates.empty() || OSSL_CMP_CTX_set1_untrusted(context, StackOf(intermediates).get()) == 1);
}

absl::Status CmpSession::Prepare() {
  OSSL_CMP_CTX* context = context_.get();
  if (context == nullptr || (parts_.signer_chain.empty() && parts_.mac_secret == nullptr))
    return absl::InvalidArgumentError("no certificate to sign with");
  OSSL_CMP_CTX_set_log_cb(context, LogLine);
  OSSL_CMP_CTX_set_transfer_cb(context, OnTransfer);
  OSSL_CMP_CTX_set_transfer_cb_arg(context, this);
  const bool ready =
      OSSL_CMP_CTX_set1_recipient(context, parts_.recipient) == 1 &&
      OSSL_CMP_CTX_set1_expected_sender(context, parts_.recipient) == 1 && PrepareProtection() &&
      OSSL_CMP_CTX_set0_trustedStore(context, TrustStore(roots_, parts_.clock.Now()).release()) == 1 &&
      OSSL_CMP_CTX_set_option(context, OSSL_CMP_OPT_UNPROTECTED_ERRORS, 0) == 1 &&
      OSSL_CMP_CTX_set_option(context, OSSL_CMP_OPT_DIGEST_ALGNID, NID_sha256) == 1 &&
      OSSL_CMP_CTX_set_option(context, OSSL_CMP_OPT_MSG_TIMEOUT, WholeSeconds(parts_.message_timeout)) == 1 &&
      OSSL_CMP_CTX_set_option(context, OSSL_CMP_OPT_TOTAL_TIMEOUT,
                              WholeSeconds(parts_.total_timeout + kLibrarySlack)) == 1;
  if (!ready) return event::Error(StatusCode::kInternal, event::kFailed, common::DrainOpensslErrors());
  return absl::OkStatus();
}

absl::Status CmpSession::PrepareRequest(const CertificateRequest& request) {
  OSSL_CMP_CTX* context = context_.get();
  OSSL_CMP_CTX_set_certConf_cb(context, OnCertificate);
  OSSL_CMP_CTX_set_certConf_cb_arg(context, this);
  const int implicit = request.allow_implicit_confirm ? 1 : 0;
  if (request.type == BodyType::kP10cr) {
    // The PKCS#10 says all else, and proves possession by its own signature.
    if (request.pkcs10 != nullptr && OSSL_CMP_CTX_set1_p10CSR(context, request.pkcs10) == 1 &&
        OSSL_CMP_CTX_set_option(context, OSSL_CMP_OPT_IMPLICIT_CONFIRM, implicit) == 1) {
      return absl::OkStatus();
    }
    return event::Error(StatusCode::kInternal, event::kFailed, common::DrainOpensslErrors());
  }
  const OpensslPtr<X509_NAME> no_issuer(X509_NAME_new());
  OpensslPtr<GENERAL_NAME> name(GENERAL_NAME_new());
  ASN1_IA5STRING* text = ASN1_IA5STRING_new();
  ASN1_STRING_set(text, request.identity.str().data(), static_cast<int>(request.identity.str().size()));
  GENERAL_NAME_set0_value(name.get(), GEN_DNS, text);
  if (request.type == BodyType::kKur) OSSL_CMP_CTX_set1_oldCert(context, parts_.signer_chain.front().get());
  EVP_PKEY_up_ref(request.key.get());
  const bool ready = OSSL_CMP_CTX_set0_newPkey(context, 1, request.key.get()) == 1 &&
                     OSSL_CMP_CTX_set1_subjectName(context, request.subject) == 1 &&
                     OSSL_CMP_CTX_set1_issuer(context, no_issuer.get()) == 1 &&
                     OSSL_CMP_CTX_set_option(context, OSSL_CMP_OPT_SUBJECTALTNAME_NODEFAULT, 1) == 1 &&
                     OSSL_CMP_CTX_push1_subjectAltName(context, name.get()) == 1 &&
                     OSSL_CMP_CTX_set_option(context, OSSL_CMP_OPT_POPO_METHOD, OSSL_CRMF_POPO_SIGNATURE) == 1 &&
                     OSSL_CMP_CTX_set_option(context, OSSL_CMP_OPT_IMPLICIT_CONFIRM, implicit) == 1;
  if (!ready) return event::Error(StatusCode::kInternal, event::kFailed, common::DrainOpensslErrors());
  return absl::OkStatus();
}

absl::StatusOr<CertifiedPath> CmpSession::RequestCertificate(const CertificateRequest& request) {
  request_ = &request;
  awaited_ = AnswerTo(request.type);
  RETURN_IF_ERROR(Prepare());
  RETURN_IF_ERROR(PrepareRequest(request));
  X509* issued = ExchangeRequest(request.type);
  X509* received = OSSL_CMP_CTX_get0_newCert(context_.get());
  if (received != nullptr && !cert_conf_sent_ && (issued == nullptr || !request.allow_implicit_confirm)) {
    left_at_ca_ = common::Certificate::FromX509(received);
  }
  if (issued != nullptr && accepted_.has_value()) {
    if (cert_conf_sent_ || request.allow_implicit_confirm) return *std::move(accepted_);
    return event::Error(StatusCode::kFailedPrecondition, event::kImplicitConfirm,
                        "the CA confirmed implicitly, which the policy does not allow");
  }
  const bool lost = accepted_.has_value() && cert_conf_sent_ && !confirmation_answered_;
  const absl::Status failure = Failure();
  if (!lost) return failure;
  if (!request.require_pkiconf) {
    common::LogWarning("cmp.no_pkiconf", {{"error", failure}, {"kept", true}});
    return *std::move(accepted_);
  }
  return event::Error(StatusCode::kUnavailable, event::kNoPkiConf, common::ToStd(failure.message()));
}

X509* CmpSession::ExchangeRequest(BodyType type) {
  OSSL_CMP_CTX* context = context_.get();
  int check_after = 0;
  int outcome = OSSL_CMP_try_certreq(context, static_cast<int>(type), nullptr, &check_after);
  for (int polls = 1; outcome < 0; ++polls) {
    if (!WaitToPoll(polls, absl::Seconds(check_after))) {
      // So that it issues nothing that nobody fetches.
      (void)OSSL_CMP_try_certreq(context, -1, nullptr, nullptr);
      return nullptr;
    }
    outcome = OSSL_CMP_try_certreq(context, static_cast<int>(type), nullptr, &check_after);
  }
  return outcome == 1 ? OSSL_CMP_CTX_get0_newCert(context) : nullptr;
}

bool CmpSession::WaitToPoll(int polls, absl::Duration check_after) {
  const absl::Duration delay = PollDelay(check_after, polls, deadline_ - parts_.clock.Steady(), *parts_.random);
  if (delay <= absl::ZeroDuration()) {
    first_error_ = event::Error(StatusCode::kDeadlineExceeded, event::kStillWaiting,
                                common::StrCat("the CA still says waiting after ", polls, " questions"));
    return false;
  }
  common::LogInfo("cmp.waiting", {{"check_after_s", absl::ToInt64Seconds(check_after)},
                                  {"polls", polls},
                                  {"wait_ms", absl::ToInt64Milliseconds(delay)}});
  if (parts_.wait(delay)) return true;
  first_error_ = event::Error(StatusCode::kCancelled, event::kStopped, "stopped while the CA said waiting");
  return false;
}

absl::Status CmpSession::Revoke(const common::Certificate& certificate) {
  RETURN_IF_ERROR(Prepare());
  OSSL_CMP_CTX_set1_oldCert(context_.get(), certificate.get());
  OSSL_CMP_CTX_set_option(context_.get(), OSSL_CMP_OPT_REVOCATION_REASON, CRL_REASON_SUPERSEDED);
  if (OSSL_CMP_exec_RR_ses(context_.get()) == 1) return absl::OkStatus();
  return Failure();
}

absl::Status CmpSession::Failure() {
  bool protection = false;
  const std::string errors = DrainErrors(&protection);
  if (!first_error_.ok()) return first_error_;
  const int status = OSSL_CMP_CTX_get_status(context_.get());
  if (status == OSSL_CMP_PKISTATUS_rejection) {
    char text[OSSL_CMP_PKISI_BUFLEN] = "";
    OSSL_CMP_CTX_snprint_PKIStatus(context_.get(), text, sizeof text);
    return event::Error(StatusCode::kPermissionDenied, cert_conf_sent_ ? event::kConfirmationRefused : event::kRefused,
                        common::StrCat("the CA says ", common::Quoted(text, 300)));
  }
  if (protection) return event::Error(StatusCode::kFailedPrecondition, event::kBadProtection, errors);
  if (parts_.clock.Steady() >= deadline_) return event::Error(StatusCode::kDeadlineExceeded, event::kTimeout, errors);
  return event::Error(StatusCode::kFailedPrecondition, event::kFailed, errors);
}

OSSL_CMP_MSG* CmpSession::OnTransfer(OSSL_CMP_CTX* context, const OSSL_CMP_MSG* request) {
  return static_cast<CmpSession*>(OSSL_CMP_CTX_get_transfer_cb_arg(context))->Transfer(request);
}

OSSL_CMP_MSG* CmpSession::Transfer(const OSSL_CMP_MSG* request) {
  const absl::StatusOr<std::string> answer = ExchangeChecked(Encode(request));
  if (!answer.ok()) {
    if (first_error_.ok()) first_error_ = answer.status();
    return nullptr;
  }
  const auto* at = reinterpret_cast<const unsigned char*>(answer->data());
  OSSL_CMP_MSG* out = d2i_OSSL_CMP_MSG(nullptr, &at, static_cast<long>(answer->size()));
  if (out == nullptr && first_error_.ok()) {
    first_error_ = event::Error(StatusCode::kFailedPrecondition, event::kMalformedAnswer, common::DrainOpensslErrors());
  }
  return out;
}

absl::StatusOr<std::string> CmpSession::ExchangeChecked(std::string_view request_der) {
  const absl::Duration left = deadline_ - parts_.clock.Steady();
  if (left <= absl::ZeroDuration())
    return event::Error(StatusCode::kDeadlineExceeded, event::kTimeout, "the whole enrolment");
  ASSIGN_OR_RETURN(const PkiMessageSummary request, ParsePkiMessage(request_der));
  if (request.body == BodyType::kCertConf) cert_conf_sent_ = true;
  common::LogInfo("cmp.sent",
                  {{"message", NameOf(request.body)}, {"transaction", common::ToHex(request.transaction_id)}});
  ASSIGN_OR_RETURN(std::string answer_der,
                   parts_.transport.Exchange(request_der, std::min(left, parts_.message_timeout)));
  absl::StatusOr<PkiMessageSummary> answer = ParsePkiMessage(answer_der);
  if (!answer.ok()) {
    return event::Error(StatusCode::kFailedPrecondition, event::kMalformedAnswer,
                        common::ToStd(answer.status().message()));
  }
  RETURN_IF_ERROR(CheckAnswer(request, *answer, parts_.recipient, awaited_));
  RETURN_IF_ERROR(LookForRoot(*answer));
  common::LogInfo("cmp.received",
                  {{"message", NameOf(answer->body)}, {"transaction", common::ToHex(answer->transaction_id)}});
  if (request.body == BodyType::kCertConf) confirmation_answered_ = true;
  private_key_sent_ |= answer->cert_rep.private_key;
  return answer_der;
}

absl::Status CmpSession::LookForRoot(const PkiMessageSummary& answer) {
  if (parts_.root_terms.none() || learned_.has_value()) return absl::OkStatus();
  const absl::Time now = parts_.clock.Now();
  const auto malformed = [](const absl::Status& status) {
    return event::Error(StatusCode::kFailedPrecondition, event::kMalformedAnswer, common::ToStd(status.message()));
  };
  const absl::StatusOr<std::vector<common::Certificate>> extra = CertificatesIn(answer.extra_certs);
  if (!extra.ok()) return malformed(extra.status());
  const absl::StatusOr<std::vector<common::Certificate>> ca_pubs = CertificatesIn(answer.cert_rep.ca_pubs);
  if (!ca_pubs.ok()) return malformed(ca_pubs.status());
  std::vector<common::Certificate> offered = *extra;
  offered.insert(offered.end(), ca_pubs->begin(), ca_pubs->end());
  absl::StatusOr<LearnedRoot> found = LearnRoot(offered, parts_.root_terms, now);
  // A device that has a root does not depend on another.
  if (!found.ok()) return roots_.empty() ? found.status() : absl::OkStatus();
  const bool had =
      std::any_of(roots_.begin(), roots_.end(), [&](const auto& root) { return root.der() == found->root.der(); });
  if (had) return absl::OkStatus();
  // Whoever signs under the RA/CA's name must be let in by the cross-certificate as well.
  for (const common::Certificate& signer : *extra) {
    if (X509_NAME_cmp(X509_get_subject_name(signer.get()), parts_.recipient) != 0) continue;
    const absl::StatusOr<CertifiedPath> path = FindPath(signer, offered, {found->root}, now);
    if (!path.ok()) continue;  // Nothing that the library could take.
    if (const absl::Status holds = HoldsThroughCross(signer, path->intermediates, *found, now); !holds.ok()) {
      return event::Error(StatusCode::kFailedPrecondition, event::kCrossCertificate,
                          common::StrCat("the RA/CA's certificate: ", common::ToStd(holds.message())));
    }
  }
  X509_STORE_add_cert(OSSL_CMP_CTX_get0_trustedStore(context_.get()), found->root.get());
  roots_.push_back(found->root);
  learned_ = *std::move(found);
  return absl::OkStatus();
}

std::vector<common::Certificate> CmpSession::Received() const {
  const OpensslPtr<STACK_OF(X509)> stack(OSSL_CMP_CTX_get1_extraCertsIn(context_.get()));
  std::vector<common::Certificate> out;
  for (int i = 0; stack != nullptr && i < sk_X509_num(stack.get()); ++i)
    out.push_back(common::Certificate::FromX509(sk_X509_value(stack.get(), i)));
  return out;
}

int CmpSession::OnCertificate(OSSL_CMP_CTX* context, X509* certificate, int fail_info, const char** text) {
  auto* self = static_cast<CmpSession*>(OSSL_CMP_CTX_get_certConf_cb_arg(context));
  return self->JudgeCertificate(certificate, fail_info, text);
}

int CmpSession::JudgeCertificate(X509* certificate, int fail_info, const char** text) {
  Rejection rejection;
  const auto reject = [&] {
    if (first_error_.ok()) first_error_ = rejection.status;
    rejection_text_ = common::ToStd(rejection.status.message());
    *text = rejection_text_.c_str();
    return fail_info != 0 ? fail_info : 1 << rejection.fail_info;
  };
  if (private_key_sent_) {
    rejection = {
        event::Error(StatusCode::kFailedPrecondition, event::kCentralKeyGeneration, "the CA sent a private key"),
        OSSL_CMP_PKIFAILUREINFO_incorrectData};
    return reject();
  }
  const CertificateTerms terms{request_->key.get(), request_->subject, request_->identity, roots_, parts_.clock.Now()};
  std::optional<CertifiedPath> path =
      CheckIssuedCertificate(common::Certificate::FromX509(certificate), Received(), terms, &rejection);
  if (path.has_value() && learned_.has_value() && path->anchor.der() == learned_->root.der()) {
    path->anchor_source = learned_->source;
    const absl::Status holds = HoldsThroughCross(path->certificate, path->intermediates, *learned_, terms.now);
    if (!holds.ok()) {
      rejection = {event::Error(StatusCode::kFailedPrecondition, event::kCrossCertificate,
                                common::StrCat("the certificate: ", common::ToStd(holds.message()))),
                   OSSL_CMP_PKIFAILUREINFO_signerNotTrusted};
      path.reset();
    }
  }
  if (path.has_value() && fail_info != 0) {
    rejection = {event::Error(StatusCode::kFailedPrecondition, event::kOtherKey, "the library refuses the certificate"),
                 0};
  }
  if (!path.has_value() || fail_info != 0) return reject();
  if (request_->keep) {
    if (const absl::Status kept = request_->keep(*path); !kept.ok()) {
      rejection = {event::Error(StatusCode::kInternal, event::kNotKept, common::ToStd(kept.message())),
                   OSSL_CMP_PKIFAILUREINFO_systemFailure};
      return reject();
    }
  }
  accepted_ = std::move(path);
  return 0;
}

}  // namespace henb::x2sec::enrol
