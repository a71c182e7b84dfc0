#include "henb-x2sec/app/enrolment/initial_ipsec.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/app/credentials/own_connection.h"

namespace henb::x2sec::app {
namespace {

using common::StrCat;

constexpr absl::Duration kPoll = absl::Milliseconds(150);
constexpr absl::Duration kNameLookUp = absl::Seconds(20);
constexpr std::size_t kMostAddresses = 4;  // of one name
constexpr absl::Duration kGivenToPluto = absl::Seconds(15);
constexpr absl::Duration kNegotiation = absl::Seconds(18);  // pluto itself gives up a silent peer after 16 s
constexpr absl::Duration kInKernel = absl::Seconds(5);
constexpr absl::Duration kLifetime = absl::Hours(1);  // an enrolment is over in minutes

std::string_view EventOf(core::InitiateOutcome outcome) {
  switch (outcome) {
    case core::InitiateOutcome::kNoAnswer:
      return "initial_ipsec.unreachable";
    case core::InitiateOutcome::kCertificateRejected:
      return "initial_ipsec.seg_not_trusted";
    case core::InitiateOutcome::kAuthenticationFailed:
    case core::InitiateOutcome::kOtherKeyKind:
    case core::InitiateOutcome::kNoProposalChosen:
    case core::InitiateOutcome::kChildRefused:
      return "initial_ipsec.refused";
    default:
      return "initial_ipsec.failed";
  }
}

}  // namespace

common::HenbId InitialIpsecId() { return *common::HenbId::Parse("initial-ipsec.invalid"); }

absl::StatusOr<core::ConnectionSpec> InitialIpsecSpec(const EnrolmentSeg& seg, const common::IpAddress& ra_ca,
                                                      const common::IpAddress& local_to_seg,
                                                      const common::IpAddress& local_to_ra_ca, int reqid,
                                                      const common::HenbId& self, const Credentials& credentials) {
  if (credentials.vendor().ckaid.empty()) {
    return absl::FailedPreconditionError("the vendor key is not in the NSS database yet");
  }
  if (credentials.operator_roots().empty()) {
    return absl::FailedPreconditionError(
        "no operator root to verify the SEG to (credentials.operator_root, x2secctl provision)");
  }
  core::ConnectionSpec spec = OwnConnection(InitialIpsecId(), self, credentials.vendor(), reqid);
  spec.peer_id = seg.identity;
  spec.local_address = local_to_ra_ca;
  spec.peer_address = ra_ca;
  spec.local_ike_address = local_to_seg;
  spec.peer_ike_address = *seg.address;
  spec.expected_ca = credentials.operator_roots().front().subject();
  spec.lifetime = kLifetime;
  return spec;
}

bool HoldsBothWays(const core::KernelSnapshot& kernel, const core::ConnectionSpec& spec) {
  const auto holds = [&](const common::IpAddress& from, const common::IpAddress& to) {
    return std::any_of(kernel.sas.begin(), kernel.sas.end(), [&](const core::SaInfo& sa) {
      return sa.spi != 0 && sa.reqid == spec.reqid && sa.source == from && sa.destination == to;
    });
  };
  return holds(spec.local_ike_address, spec.peer_ike_address) && holds(spec.peer_ike_address, spec.local_ike_address);
}

void InitialIpsec::Open(std::vector<EnrolmentSeg> segs, const common::IpAddress& ra_ca,
                        std::function<void(absl::Status)> done) {
  Close();
  segs_ = std::move(segs);
  at_ = 0;
  ra_ca_ = ra_ca;
  done_ = std::move(done);
  if (parts_.ike == nullptr) {
    segs_.clear();
    return Failed("initial_ipsec.failed", "IPsec is left out or switched off");
  }
  if (segs_.empty())
    return Failed("initial_ipsec.no_seg", "no enrolment SEG is provisioned or configured (enrolment.segs)");
  Try();
}

void InitialIpsec::Close() {
  ++turn_;
  done_ = nullptr;
  if (!wanted_) return;
  common::LogInfo("initial_ipsec.closed", {{"seg", wanted_->peer_id.str()}});
  wanted_.reset();
  parts_.wanted_changed();
}

void InitialIpsec::Try() {
  ++turn_;
  const EnrolmentSeg& seg = segs_[at_];
  if (!seg.address) return LookUpSeg();
  common::LogInfo("initial_ipsec.trying", {{"seg", seg.identity.str()}, {"address", seg.address->ToString()}});
  absl::StatusOr<core::ConnectionSpec> spec = parts_.spec_for(seg, ra_ca_);
  if (!spec.ok()) return Failed("initial_ipsec.failed", common::ToStd(spec.status().message()));
  wanted_ = *std::move(spec);
  key_kind_told_ = false;
  AwaitPluto();
}

void InitialIpsec::AwaitPluto() {
  parts_.wanted_changed();
  Poll(&InitialIpsec::InPluto, &InitialIpsec::Initiate, "pluto does not take the connection", kGivenToPluto);
}

void InitialIpsec::LookUpSeg() {
  const std::string host = segs_[at_].identity.str();
  parts_.initiate_worker.Run([look_up = parts_.look_up, host] { return look_up(host); },
                             [this, turn = turn_](const auto& addresses) {
                               if (turn == turn_) LookedUp(addresses);
                             });
  parts_.loop.After(kNameLookUp, [this, turn = turn_] {
    if (turn == turn_) Failed("initial_ipsec.unreachable", "its name could not be looked up in time");
  });
}

/// Each of its addresses is a SEG to try.
void InitialIpsec::LookedUp(const absl::StatusOr<std::vector<common::IpAddress>>& addresses) {
  if (!addresses.ok()) return Failed("initial_ipsec.unreachable", common::ToStd(addresses.status().message()));
  const EnrolmentSeg named = segs_[at_];
  segs_.erase(segs_.begin() + static_cast<std::ptrdiff_t>(at_));
  for (std::size_t i = 0; i < std::min(addresses->size(), kMostAddresses); ++i) {
    segs_.insert(segs_.begin() + static_cast<std::ptrdiff_t>(at_ + i), {(*addresses)[i], named.identity});
  }
  Try();
}

void InitialIpsec::Poll(bool (InitialIpsec::*reached)() const, void (InitialIpsec::*then)(), std::string_view what,
                        absl::Duration deadline) {
  const absl::Duration end = parts_.clock.Steady() + deadline;
  // Each look arms the next one; a look of an earlier turn ends them.
  const auto look = std::make_shared<std::function<void()>>();
  *look = [this, reached, then, what = std::string(what), end, turn = turn_,
           self = std::weak_ptr<std::function<void()>>(look)] {
    if (turn != turn_) return;
    if ((this->*reached)()) return (this->*then)();
    if (parts_.clock.Steady() >= end) return Failed("initial_ipsec.failed", what);
    parts_.loop.After(kPoll, [again = self.lock()] { (*again)(); });
  };
  parts_.loop.Post([look] { (*look)(); });
}

void InitialIpsec::Initiate() {
  parts_.initiate_worker.Run([ike = parts_.ike, name = wanted_->name] { return ike->Initiate(name, kNegotiation); },
                             [this, turn = turn_](const absl::StatusOr<core::InitiateReport>& report) {
                               if (turn == turn_) Initiated(report);
                             });
}

void InitialIpsec::Initiated(const absl::StatusOr<core::InitiateReport>& report) {
  if (!report.ok()) return Failed("initial_ipsec.failed", common::ToStd(report.status().message()));
  if (report->outcome == core::InitiateOutcome::kOtherKeyKind && !std::exchange(key_kind_told_, true)) {
    wanted_->peer_key_is_rsa = !wanted_->peer_key_is_rsa;
    parts_.renew(wanted_->name);
    return AwaitPluto();
  }
  if (report->outcome != core::InitiateOutcome::kEstablished) return Failed(EventOf(report->outcome), report->detail);
  Poll(&InitialIpsec::InKernel, &InitialIpsec::Opened, "the kernel does not hold the SAs", kInKernel);
}

void InitialIpsec::Opened() {
  common::LogInfo("initial_ipsec.open", {{"seg", wanted_->peer_id.str()}, {"reqid", wanted_->reqid}});
  const auto done = std::exchange(done_, nullptr);
  done(absl::OkStatus());
}

void InitialIpsec::Failed(std::string_view event, std::string_view why) {
  const std::string where = at_ < segs_.size() ? StrCat(segs_[at_].identity.str(), ": ") : "";
  const absl::Status error = absl::UnavailableError(StrCat(event, ": ", where, why));
  common::LogWarning("initial_ipsec.not_open", {{"error", error}});
  if (++at_ < segs_.size()) {
    wanted_.reset();
    parts_.wanted_changed();
    return Try();
  }
  auto done = std::exchange(done_, nullptr);
  Close();
  // Not from within the caller's own step.
  parts_.loop.Post([done = std::move(done), error] { done(error); });
}

}  // namespace henb::x2sec::app
