#include "henb-x2sec/core/mapping_watch.h"

#include <algorithm>

#include "common/backoff.h"

namespace henb::x2sec::core {
namespace {

constexpr int kUnanswered = 5;
constexpr absl::Duration kChangeAgain = absl::Seconds(30);
constexpr absl::Duration kLongestChangeAgain = absl::Minutes(30);

}  // namespace

bool MayBeInsideNat(const ConnectionSpec& spec, const KernelSnapshot& kernel) {
  return spec.peer_ike_address == spec.peer_address &&
         std::any_of(kernel.sas.begin(), kernel.sas.end(), [&](const SaInfo& sa) {
           return sa.in_udp && sa.reqid == spec.reqid && sa.destination == spec.peer_ike_address;
         });
}

MappingStep LookThroughNat(MappingWatch watch, std::uint64_t bytes_in, absl::Duration now) {
  if (bytes_in > watch.bytes_in) {  // fewer: other SAs, on which nothing has come in yet
    watch.unanswered = 0;
    watch.changes = 0;
    watch.next_change = now;
  }
  watch.bytes_in = bytes_in;
  MappingStep step{watch};
  if (now < watch.next_at) return step;
  step.watch.next_at = now + kProbeThroughNatEvery;
  step.probe = true;
  if (step.watch.unanswered < kUnanswered) {
    ++step.watch.unanswered;
  } else if (now >= watch.next_change) {
    step.change_key = true;
    step.watch.next_change = now + common::DoubledDelay(kChangeAgain, watch.changes, kLongestChangeAgain);
    ++step.watch.changes;
  }
  return step;
}

}  // namespace henb::x2sec::core
