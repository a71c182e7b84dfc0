// The part of CmpEnroller that goes through the network element manager (R39).
#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/device_key/store_backed_key.h"
#include "henb-x2sec/enrol/certificate_check.h"
#include "henb-x2sec/enrol/cmp_enroller.h"
#include "henb-x2sec/enrol/cmp_events.h"
#include "henb-x2sec/enrol/distinguished_name.h"
#include "henb-x2sec/enrol/nem_session.h"
#include "henb-x2sec/enrol/pkcs10.h"

namespace henb::x2sec::enrol {
namespace {

using Phase = EnrolmentState::Phase;

/// What the NEM brought, judged as what CMP brings (R27, R28, R31).
absl::StatusOr<CertifiedPath> Judge(const std::vector<common::Certificate>& chain, EVP_PKEY* key,
                                    const core::EnrolRequest& request, absl::Time now) {
  ASSIGN_OR_RETURN(const OpensslPtr<X509_NAME> subject, SubjectFor(request.identity));
  const CertificateTerms terms{key, subject.get(), request.identity, request.operator_roots, now};
  Rejection rejection;
  std::optional<CertifiedPath> path = CheckIssuedCertificate(chain.front(), chain, terms, &rejection);
  if (!path.has_value()) return rejection.status;
  return *std::move(path);
}

std::vector<common::Certificate> WithAnchor(const CertifiedPath& path) {
  std::vector<common::Certificate> out = {path.certificate};
  out.insert(out.end(), path.intermediates.begin(), path.intermediates.end());
  out.push_back(path.anchor);
  return out;
}

}  // namespace

absl::StatusOr<core::Enrolled> CmpEnroller::EnrolThroughNem(core::EnrolRequest request) {
  const core::NemTerms& nem = *request.nem;
  if (request.operator_roots.empty()) return absl::InvalidArgumentError("operator_roots is empty");
  if (nem.server_roots.empty()) return absl::InvalidArgumentError("nem.server_roots is empty");
  request.recipient = common::StrCat("NEM ", nem.url);
  ASSIGN_OR_RETURN_CTX(EvpKey vendor_key, parts_.vendor_key.For(request.vendor_chain.front()), "vendor key");
  ASSIGN_OR_RETURN(EnrolmentState state, LoadOrBegin(request));
  HttpsExchange https({.server_roots = nem.server_roots,
                       .chain = request.vendor_chain,
                       .key = std::move(vendor_key),
                       .timeout = request.message_timeout,
                       .address = nem.address,
                       .stopped = [this] { return Stopped(); }});
  NemSession session({.https = https,
                      .url = nem.url,
                      .clock = parts_.clock,
                      .random = *parts_.random,
                      .total_timeout = request.total_timeout,
                      .wait = [this](absl::Duration delay) { return Wait(delay); }});
  if (state.phase != Phase::kConfirmed) RETURN_IF_ERROR(FetchThroughNem(session, request, &state));
  ASSIGN_OR_RETURN(core::Enrolled enrolled, Finish(state));
  if (!state.pkcs10.empty()) {
    // The NEM lets the older certificate go then; one that hears nothing lets it expire.
    const absl::Status told = session.Tell(state.pkcs10, "");
    if (!told.ok()) common::LogWarning("nem.not_told", {{"error", told}});
  }
  return enrolled;
}

absl::Status CmpEnroller::FetchThroughNem(NemSession& session, const core::EnrolRequest& request,
                                          EnrolmentState* kept) {
  EnrolmentState& state = *kept;
  ASSIGN_OR_RETURN(const EvpKey key, device_key::MakeStoreBackedKey(parts_.keys, state.ckaid));
  if (state.pkcs10.empty()) {
    ASSIGN_OR_RETURN(state.pkcs10, MakePkcs10(request.identity, key));
    RETURN_IF_ERROR_CTX(state_file_.Save(state), "keeping the state of the enrolment");
  }
  const absl::StatusOr<std::vector<common::Certificate>> chain = session.Fetch(state.pkcs10);
  absl::Status failure = chain.status();
  if (chain.ok()) {
    const absl::StatusOr<CertifiedPath> path = Judge(*chain, key.get(), request, parts_.clock.Now());
    if (path.ok()) {
      state.phase = Phase::kConfirmed;
      state.certificates = WithAnchor(*path);
      return common::WithContext(state_file_.Save(state), "keeping the state of the enrolment");
    }
    failure = path.status();
    const absl::Status told = session.Tell(state.pkcs10, std::string(failure.message()));
    common::LogWarning("nem.certificate_rejected",
                       {{"serial", chain->front().serial_hex()}, {"told", told.ok()}, {"error", failure}});
  }
  common::LogWarning("nem.not_enrolled", {{"error", failure}});
  // This request has come to its end; the next attempt makes another, with the same key.
  if (absl::IsPermissionDenied(failure) || chain.ok()) {
    state.pkcs10.clear();
    RETURN_IF_ERROR_CTX(state_file_.Save(state), "keeping the state of the enrolment");
  }
  return failure;
}

}  // namespace henb::x2sec::enrol
