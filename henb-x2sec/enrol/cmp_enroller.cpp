#include "henb-x2sec/enrol/cmp_enroller.h"

#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/device_key/store_backed_key.h"
#include "henb-x2sec/enrol/cmp_events.h"
#include "henb-x2sec/enrol/cmp_session.h"
#include "henb-x2sec/enrol/distinguished_name.h"

namespace henb::x2sec::enrol {
namespace {

using Phase = EnrolmentState::Phase;

/// A certificate that signs a kur: one that is there and valid.
bool CanSign(const std::vector<common::Certificate>& chain, absl::Time now) {
  return !chain.empty() && chain.front().not_before() <= now && now < chain.front().not_after();
}

absl::Status CheckIsOurs(const std::vector<common::Certificate>& chain, const common::HenbId& identity,
                         std::string_view name) {
  ASSIGN_OR_RETURN_CTX(const common::HenbId found, chain.front().Identity(), common::StrCat(name, "[0]"));
  if (found == identity) return absl::OkStatus();
  return absl::InvalidArgumentError(
      common::StrCat(name, "[0] is for ", found.str(), ", the device is ", identity.str()));
}

absl::Status CheckRequest(const core::EnrolRequest& request) {
  if (request.identity.empty()) return absl::InvalidArgumentError("identity is empty");
  if (request.vendor_chain.empty()) return absl::InvalidArgumentError("vendor_chain is empty");
  if (request.operator_roots.empty() && request.root_terms.none())
    return absl::InvalidArgumentError("operator_roots is empty, and root_terms let none in");
  if (request.message_timeout <= absl::ZeroDuration() || request.total_timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("message_timeout and total_timeout must be positive");
  }
  RETURN_IF_ERROR(CheckIsOurs(request.vendor_chain, request.identity, "vendor_chain"));
  if (request.current_chain.empty()) return absl::OkStatus();
  return CheckIsOurs(request.current_chain, request.identity, "current_chain");
}

std::vector<common::Certificate> ChainOf(const CertifiedPath& path) {
  std::vector<common::Certificate> out = {path.certificate};
  out.insert(out.end(), path.intermediates.begin(), path.intermediates.end());
  out.push_back(path.anchor);
  return out;
}

}  // namespace

CmpEnroller::CmpEnroller(Parts parts) : parts_(std::move(parts)), state_file_(parts_.state_path) {}

void CmpEnroller::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  stop_.notify_all();
}

bool CmpEnroller::Stopped() {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

bool CmpEnroller::Wait(absl::Duration delay) {
  if (parts_.wait) return parts_.wait(delay);
  std::unique_lock lock(mutex_);
  return !stop_.wait_for(lock, absl::ToChronoNanoseconds(delay), [this] { return stopped_; });
}

absl::StatusOr<core::Enrolled> CmpEnroller::Enrol(const core::EnrolRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  if (request.nem.has_value()) return EnrolThroughNem(request);
  ASSIGN_OR_RETURN_CTX(const OpensslPtr<X509_NAME> recipient, ParseDistinguishedName(request.recipient), "recipient");
  ASSIGN_OR_RETURN(const std::unique_ptr<CmpTransport> transport, parts_.transport(request.server_url));
  ASSIGN_OR_RETURN_CTX(EvpKey vendor_key, parts_.vendor_key.For(request.vendor_chain.front()), "vendor key");

  ASSIGN_OR_RETURN(EnrolmentState state, LoadOrBegin(request));
  if (state.phase == Phase::kConfirmed) return Finish(state);

  CmpSessionParts vendor{*transport,
                         parts_.clock,
                         recipient.get(),
                         request.operator_roots,
                         request.vendor_chain,
                         std::move(vendor_key),
                         request.message_timeout,
                         request.total_timeout,
                         parts_.random.get(),
                         [this](absl::Duration delay) { return Wait(delay); }};
  vendor.root_terms = request.root_terms;
  if (state.phase == Phase::kConfirming) RETURN_IF_ERROR(RevokeUnsure(vendor, request, &state));
  if (!CanSign(request.current_chain, parts_.clock.Now())) {
    return request.mac_secret ? RunByMac(vendor, request, &state) : Run(vendor, vendor, request, &state);
  }

  CmpSessionParts current = vendor;
  current.signer_chain = request.current_chain;
  StoredSigningKey keys(parts_.keys);
  ASSIGN_OR_RETURN_CTX(current.signer_key, keys.For(request.current_chain.front()), "operator key");
  absl::StatusOr<core::Enrolled> renewed = Run(current, vendor, request, &state);
  if (!absl::IsPermissionDenied(renewed.status()) || !state.current_unsure) return renewed;
  // The CA had confirmed an earlier renewal, of which we never heard: what we hold is superseded.
  common::LogWarning("cmp.renewal_anew", {{"reason", renewed.status()}});
  return Run(vendor, vendor, request, &state);
}

absl::StatusOr<core::Enrolled> CmpEnroller::RunByMac(const CmpSessionParts& vendor, const core::EnrolRequest& request,
                                                     EnrolmentState* state) {
  const absl::StatusOr<common::SecretBytes> secret = request.mac_secret();
  if (!secret.ok()) {
    return event::Error(absl::StatusCode::kFailedPrecondition, event::kMacSecret,
                        common::ToStd(secret.status().message()));
  }
  CmpSessionParts by_mac = vendor;
  by_mac.signer_chain.clear();
  by_mac.signer_key.reset();
  by_mac.mac_secret = &*secret;
  by_mac.mac_reference = request.identity.str();
  return Run(by_mac, vendor, request, state);
}

bool CmpEnroller::Unfinished() const {
  const absl::StatusOr<std::optional<EnrolmentState>> state = state_file_.Load();
  return !state.ok() || state->has_value();
}

absl::Status CmpEnroller::Kept() {
  ASSIGN_OR_RETURN(const std::optional<EnrolmentState> state, state_file_.Load());
  return state.has_value() && state->phase == Phase::kConfirmed ? state_file_.Clear() : absl::OkStatus();
}

absl::StatusOr<EnrolmentState> CmpEnroller::LoadOrBegin(const core::EnrolRequest& request) {
  ASSIGN_OR_RETURN(std::optional<EnrolmentState> begun, Resume(request));
  if (begun.has_value()) return *std::move(begun);
  EnrolmentState state;
  state.phase = Phase::kMakingKey;
  state.identity = request.identity;
  state.recipient = request.recipient;
  ASSIGN_OR_RETURN(state.others, parts_.keys.KeysWithoutCertificate());
  RETURN_IF_ERROR_CTX(state_file_.Save(state), "keeping the state of the enrolment");
  ASSIGN_OR_RETURN_CTX(state.ckaid, parts_.keys.GenerateKey(), "making the new key");
  state.phase = Phase::kRequested;
  state.others.clear();
  RETURN_IF_ERROR_CTX(state_file_.Save(state), "keeping the state of the enrolment");
  return state;
}

absl::StatusOr<std::optional<EnrolmentState>> CmpEnroller::Resume(const core::EnrolRequest& request) {
  absl::StatusOr<std::optional<EnrolmentState>> loaded = state_file_.Load();
  if (absl::IsDataLoss(loaded.status())) {
    common::LogAlarm("cmp.state_unreadable", {{"error", loaded.status()}});
    loaded = std::nullopt;
  }
  RETURN_IF_ERROR(loaded.status());
  if (!loaded->has_value()) return std::nullopt;
  EnrolmentState& state = **loaded;
  if (state.phase == Phase::kMakingKey) {
    RETURN_IF_ERROR(RemoveKeysMadeInVain(state.others));
  } else {
    const bool ours = state.identity == request.identity && parts_.keys.PublicKey(state.ckaid).ok();
    // What the CA has confirmed is brought to its end, whomever the next enrolment would ask.
    const bool confirmed = state.phase == Phase::kConfirmed;
    if (ours && (confirmed || state.recipient == request.recipient)) {
      common::LogInfo("cmp.resumed", {{"ckaid", state.ckaid}, {"phase", static_cast<int>(state.phase)}});
      return std::move(*loaded);
    }
    if (!confirmed) RETURN_IF_ERROR(parts_.keys.DeleteKey(state.ckaid));
  }
  RETURN_IF_ERROR(state_file_.Clear());
  return std::nullopt;
}

/// The power went between the making of a key and the noting of its name.
absl::Status CmpEnroller::RemoveKeysMadeInVain(const std::set<std::string>& others) {
  ASSIGN_OR_RETURN(const std::set<std::string> now, parts_.keys.KeysWithoutCertificate());
  for (const std::string& ckaid : now) {
    if (!others.contains(ckaid)) RETURN_IF_ERROR(parts_.keys.DeleteKey(ckaid));
  }
  return absl::OkStatus();
}

absl::Status CmpEnroller::RevokeUnsure(const CmpSessionParts& vendor_session, const core::EnrolRequest& request,
                                       EnrolmentState* state) {
  // The root that the certificate ends at was taken from an answer maybe, and was good enough for it.
  CmpSessionParts parts = vendor_session;
  parts.operator_roots.push_back(state->certificates.back());
  CmpSession session(parts);
  absl::Status revoked = session.Revoke(state->certificates.front());
  common::LogInfo("cmp.revoked_unsure",
                  {{"serial", state->certificates.front().serial_hex()}, {"ok", revoked.ok()}, {"detail", revoked}});
  // A CA that refuses has answered: the certificate was never confirmed there, or is gone.
  if (!revoked.ok() && !absl::IsPermissionDenied(revoked)) return revoked;
  state->phase = Phase::kRequested;
  state->current_unsure = !request.current_chain.empty();
  state->certificates.clear();
  return state_file_.Save(*state);
}

absl::StatusOr<core::Enrolled> CmpEnroller::Run(const CmpSessionParts& signer, const CmpSessionParts& vendor,
                                                const core::EnrolRequest& request, EnrolmentState* kept) {
  EnrolmentState& state = *kept;
  ASSIGN_OR_RETURN(EvpKey key, device_key::MakeStoreBackedKey(parts_.keys, state.ckaid));
  ASSIGN_OR_RETURN(const OpensslPtr<X509_NAME> subject, SubjectFor(request.identity));
  const bool first = &signer == &vendor || signer.mac_secret != nullptr;
  const CertificateRequest wanted{first ? BodyType::kIr : BodyType::kKur,
                                  std::move(key),
                                  subject.get(),
                                  request.identity,
                                  request.require_pkiconf,
                                  request.allow_implicit_confirm,
                                  [&](const CertifiedPath& path) {
                                    state.phase = Phase::kConfirming;
                                    state.anchor_source = path.anchor_source;
                                    state.certificates = ChainOf(path);
                                    return state_file_.Save(state);
                                  }};
  CmpSession session(signer);
  const absl::StatusOr<CertifiedPath> path = session.RequestCertificate(wanted);
  if (path.ok()) {
    state.phase = Phase::kConfirmed;
    RETURN_IF_ERROR_CTX(state_file_.Save(state), "keeping the state of the enrolment");
    return Finish(state);
  }
  common::LogWarning("cmp.not_enrolled", {{"error", path.status()}});
  if (const auto& left = session.left_at_ca(); left.has_value()) {
    // Not by the certificate that a CA which has confirmed its successor no longer takes.
    CmpSessionParts parts = vendor;
    if (session.learned().has_value()) parts.operator_roots.push_back(session.learned()->root);
    CmpSession revocation(parts);
    const absl::Status revoked = revocation.Revoke(*left);
    common::LogInfo("cmp.revoked_unwanted",
                    {{"serial", left->serial_hex()}, {"ok", revoked.ok()}, {"detail", revoked}});
    if (revoked.ok()) state.phase = Phase::kRequested;
    state.current_unsure = !request.current_chain.empty();
  }
  if (absl::IsPermissionDenied(path.status())) state.phase = Phase::kRequested;
  if (state.phase == Phase::kRequested) {
    state.certificates.clear();
    RETURN_IF_ERROR_CTX(state_file_.Save(state), "keeping the state of the enrolment");
  }
  return path.status();
}

absl::StatusOr<core::Enrolled> CmpEnroller::Finish(const EnrolmentState& state) {
  const std::vector<common::Certificate>& chain = state.certificates;
  core::Enrolled out{.certificate = chain.front(),
                     .intermediates = {chain.begin() + 1, chain.end() - 1},
                     .anchor = chain.back(),
                     .anchor_source = state.anchor_source,
                     .private_key_pkcs8 = {},
                     .ckaid = state.ckaid};
  RETURN_IF_ERROR_CTX(parts_.keys.ImportCertificate(out.certificate).status(), "installing the certificate");
  if (out.anchor_source != core::RootSource::kProvisioned) {
    common::LogWarning("cmp.root_taken", {{"subject", out.anchor.subject()},
                                          {"spki_sha256", out.anchor.spki().ToHex()},
                                          {"source", core::NameOf(out.anchor_source)}});
  }
  common::LogInfo(
      "cmp.enrolled",
      {{"serial", out.certificate.serial_hex()}, {"issuer", out.certificate.issuer()}, {"ckaid", out.ckaid}});
  return out;
}

}  // namespace henb::x2sec::enrol
