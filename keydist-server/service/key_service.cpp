#include "keydist-server/service/key_service.h"

#include "common/ip_address.h"
#include "common/log.h"
#include "common/status.h"
#include "keydist-server/domain/hex.h"

namespace henb::keydist::service {
namespace {

constexpr absl::Duration kCheckStoreEvery = absl::Seconds(10);
constexpr absl::Duration kCheckFailedStoreEvery = absl::Seconds(2);
/// The caller was not at fault: nobody could be answered.
constexpr std::string_view kNotServed = "call_not_served";

absl::Status StatusOf(const CallerView& caller) {
  switch (caller.verdict) {
    case domain::CallerVerdict::kAccepted:
      return absl::OkStatus();
    case domain::CallerVerdict::kSuspended:
      return absl::PermissionDeniedError("this HeNB is suspended");
    case domain::CallerVerdict::kUnknown:
      break;
  }
  return absl::PermissionDeniedError("this certificate's identity is not registered");
}

Refusal WhyRefused(const CallerView& caller) {
  switch (caller.verdict) {
    case domain::CallerVerdict::kUnknown:
      return Refusal::kCallerUnknown;
    case domain::CallerVerdict::kSuspended:
      return Refusal::kCallerSuspended;
    case domain::CallerVerdict::kAccepted:
      break;
  }
  return Refusal::kUnavailable;
}

std::vector<std::string> IdsOf(const domain::RootSealer& keks) {
  std::vector<std::string> ids;
  for (const auto& kek : keks.keks()) ids.push_back(kek->id());
  return ids;
}

std::string_view OutcomeOf(domain::PairVerdict verdict) {
  switch (verdict) {
    case domain::PairVerdict::kAllowed:
      return "issued";
    case domain::PairVerdict::kPeerSuspended:
      return "suspended";
    case domain::PairVerdict::kNotAllowed:
      break;
  }
  return "not_allowed";
}

}  // namespace

KeyService::KeyService(store::Store& store, store::AuditLog& audit, const common::Clock& clock, common::Random& random,
                       domain::RootSealer sealer, const ServiceOptions& options)
    : store_(store),
      audit_(audit),
      clock_(clock),
      options_(options),
      directory_([this](const ChangeNote& note) {
        if (events_) events_->Publish(note);
      }),
      epochs_(store, std::move(sealer), random, options.schedule),
      clocks_(store, clock, random, options.replica) {}

KeyService::~KeyService() { store_.SetListener(nullptr); }

absl::Status KeyService::Start() {
  RETURN_IF_ERROR(domain::CheckSchedule(options_.schedule));
  RETURN_IF_ERROR_CTX(directory_.Load(store_), "reading the store");
  events_ = std::make_unique<EventHub>(directory_, directory_.revision());
  store_.SetListener([this](const store::Change& change) { directory_.Apply(change); });
  if (absl::IsFailedPrecondition(store_.Following())) return absl::OkStatus();  // For good: nothing to be kept.
  RETURN_IF_ERROR(epochs_.PrepareKek(clock_.Now()));
  clocks_.SetKeks(IdsOf(epochs_.keks()));
  clocks_.Tick();
  const absl::Time now = clock_.Now();
  return epochs_.Tick(now, clocks_.MayKeepEpochs(now).ok());
}

absl::Status KeyService::UseKeks(domain::RootSealer keks) {
  std::vector<std::string> ids = IdsOf(keks);
  RETURN_IF_ERROR(epochs_.UseKeks(std::move(keks)));
  clocks_.SetKeks(std::move(ids));
  return absl::OkStatus();
}

absl::Status KeyService::Tick() {
  directory_.ForgetEndedLeases(clock_.Steady());
  if (absl::Status status = store_.Following(); absl::IsFailedPrecondition(status)) return status;
  clocks_.Tick();
  const absl::Time now = clock_.Now();
  CheckStore();
  CheckAudit();
  RETURN_IF_ERROR(epochs_.Tick(now, clocks_.MayKeepEpochs(now).ok()));
  return clocks_.MayIssue(now);
}

void KeyService::CheckStore() {
  if (clock_.Steady() < store_check_due_) return;
  const absl::Status status = store_.CheckWritable();
  store_check_due_ = clock_.Steady() + (status.ok() ? kCheckStoreEvery : kCheckFailedStoreEvery);
  const std::lock_guard lock(mutex_);
  if (status.ok() != writable_.ok()) {
    if (status.ok()) {
      common::LogInfo("store_recovered");
    } else {
      common::LogAlarm("store_failed", {{"error", status}});
    }
  }
  writable_ = status;
}

void KeyService::CheckAudit() {
  const absl::Status health = audit_.health();
  if (health.ok() || clock_.Steady() < audit_check_due_) return;
  audit_check_due_ = clock_.Steady() + kCheckFailedStoreEvery;
  domain::AuditRecord record;
  record.at = clock_.Now();
  record.event = "audit_resumed";
  record.actor = "server";
  record.detail = std::string(health.message());
  audit_.Append(record, [](const absl::Status&) {});
}

absl::Status KeyService::store_health() {
  RETURN_IF_ERROR(store_.Following());
  RETURN_IF_ERROR(store_.Revision().status());
  const std::lock_guard lock(mutex_);
  return writable_;
}

absl::Status KeyService::Verdict(const CallerView& caller) const {
  absl::Status status = StatusOf(caller);
  if (status.ok()) return status;
  const absl::Status following = store_.Following();
  return following.ok() ? status : absl::UnavailableError(following.message());
}

absl::Status KeyService::CheckCaller(const CallerIdentity& caller) const { return Verdict(directory_.Judge(caller)); }

absl::StatusOr<Registered> KeyService::Register(const CallerIdentity& caller, Registration facts) {
  const CallerView view = directory_.Judge(caller);
  if (absl::Status status = Verdict(view); !status.ok()) {
    RecordRefusal(caller, "Register", status);
    return status;
  }
  if (facts.x2_addresses.size() > kMaxAddresses) {
    return absl::InvalidArgumentError(common::StrCat("x2_addresses: more than ", kMaxAddresses));
  }
  for (std::size_t i = 0; i < facts.x2_addresses.size(); ++i) {
    RETURN_IF_ERROR_CTX(common::IpAddress::Parse(facts.x2_addresses[i]).status(),
                        common::StrCat("x2_addresses[", i, "]"));
  }
  if (facts.anchors.size() > domain::kMaxAnchors) {
    return absl::InvalidArgumentError(common::StrCat("anchor_spki_sha256: more than ", domain::kMaxAnchors));
  }
  if (facts.boot_id.size() > 64) return absl::InvalidArgumentError("boot_id: more than 64 octets");
  facts.lease_ends = clock_.Now() + options_.lease;
  facts.lease_ends_steady = clock_.Steady() + options_.lease;
  if (!directory_.SetRegistration(caller.id, std::make_shared<const Registration>(std::move(facts)))) {
    return StatusOf({});
  }
  return Registered{.lease = options_.lease, .generation = view.generation};
}

absl::Status KeyService::Decide(const CallerIdentity& caller, std::span<const std::string_view> peers,
                                Decision* decision) const {
  decision->now = clock_.Now();
  decision->caller = directory_.Judge(caller, peers, clock_.Steady(), {decision->peers.data(), peers.size()});
  if (const absl::Status following = store_.Following(); !following.ok()) {
    return absl::UnavailableError(following.message());  // A HeNB may have been suspended, and nobody told us.
  }
  RETURN_IF_ERROR(StatusOf(decision->caller));
  RETURN_IF_ERROR(clocks_.MayIssue(decision->now));
  decision->epochs = epochs_.active();
  decision->pick = decision->epochs->At(decision->now);
  if (decision->pick.current == nullptr) return absl::UnavailableError("no epoch is active");
  return absl::OkStatus();
}

void KeyService::RecordDecision(const CallerIdentity& caller, std::span<const std::string_view> peers,
                                domain::Purpose purpose, const absl::Status& verdict, const Decision& decision,
                                store::AuditLog::Done done) {
  static thread_local domain::AuditRecord record;  // Keeps the memory of its texts.
  record.at = decision.now;
  record.actor = caller.id.str();
  record.anchor.clear();
  domain::AppendHex(caller.anchor.bytes(), &record.anchor);
  record.generation = 0;
  record.epoch = 0;
  record.next_epoch = 0;
  record.detail.clear();
  record.purpose = purpose == domain::Purpose::kPpk ? "ppk" : "ike_psk";
  if (absl::IsUnavailable(verdict)) {
    record.event = kNotServed;
    record.peers.clear();
    record.detail = common::StrCat("GetPairKeys: ", verdict.message());
    refusals_.Count(Refusal::kUnavailable);
  } else if (!verdict.ok()) {
    record.event = "caller_refused";
    record.peers.clear();
    record.detail = common::StrCat("GetPairKeys: ", verdict.message());
    denials_.fetch_add(peers.size(), std::memory_order_relaxed);
    refusals_.Count(WhyRefused(decision.caller));
  } else {
    record.event = "keys_issued";
    record.generation = decision.caller.generation;
    record.epoch = decision.pick.current->span.number;
    record.next_epoch = decision.pick.next != nullptr ? decision.pick.next->span.number : 0;
    record.peers.resize(peers.size());
    std::uint64_t issued = 0;
    std::uint64_t suspended = 0;
    for (std::size_t i = 0; i < peers.size(); ++i) {
      const PeerView& view = decision.peers[i];
      if (view.verdict == domain::PairVerdict::kAllowed) ++issued;
      if (view.verdict == domain::PairVerdict::kPeerSuspended) ++suspended;
      domain::AuditedPeer& peer = record.peers[i];
      peer.outcome = OutcomeOf(view.verdict);
      peer.peer.assign(peers[i]);
      peer.generation = view.generation;
    }
    if (issued == 0) record.event = "keys_denied";
    keys_issued_.fetch_add(issued, std::memory_order_relaxed);
    if (const std::uint64_t denied = peers.size() - issued; denied > 0) {
      denials_.fetch_add(denied, std::memory_order_relaxed);
      refusals_.Count(Refusal::kPeerSuspended, suspended);
      refusals_.Count(Refusal::kPeerNotAllowed, denied - suspended);
    }
  }
  audit_.Append(record, std::move(done));
}

void KeyService::RecordRefusal(const CallerIdentity& caller, std::string_view call, const absl::Status& verdict) {
  domain::AuditRecord record;
  record.at = clock_.Now();
  record.event = "caller_refused";
  record.actor = caller.id.str();
  record.anchor = caller.anchor.ToHex();
  record.detail = common::StrCat(call, ": ", verdict.message());
  if (absl::IsUnavailable(verdict)) {
    record.event = kNotServed;
    refusals_.Count(Refusal::kUnavailable);
  } else {
    denials_.fetch_add(1, std::memory_order_relaxed);
    if (!caller.id.str().empty())
      refusals_.Count(WhyRefused(directory_.Judge(caller)));  // Else the edge has counted it.
  }
  audit_.Append(record, [](const absl::Status&) {});
}

}  // namespace henb::keydist::service
