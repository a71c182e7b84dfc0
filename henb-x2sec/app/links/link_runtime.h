// One link as the daemon holds it. Loop thread.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/event_loop.h"
#include "common/henb_id.h"
#include "henb-x2sec/core/link_machine.h"
#include "henb-x2sec/core/mapping_watch.h"
#include "henb-x2sec/core/plan.h"
#include "henb-x2sec/core/sa_view.h"
#include "policy/decide.h"

namespace henb::x2sec::app {

/// One connection of a link and what carries it.
struct ConnectionRuntime {
  core::ConnectionSpec spec;
  std::optional<std::uint32_t> pin;       ///< Outbound SPI that our policies point at.
  std::vector<core::LiveChild> children;  ///< At the last look.
  bool accepted = false;                  ///< A negotiation of ours ended with a child: the peer has it too.
  bool attempting = false;                ///< A negotiation of ours is under way.
  std::uint64_t authenticated_ike = 0;    ///< IKE SA of the pinned child: another one means a new authentication.
  absl::Duration authenticated_at;        ///< Steady clock; the last one that counts for max_sa_age.
  core::MappingWatch mapping;
  absl::Duration settled_at;  ///< Steady clock; a child just made is known to the mirror by then.
};

struct LinkRuntime {
  common::HenbId id;
  core::Link link;
  policy::Decision decision;
  core::LinkPlan plan;
  int reqid = 0;
  std::map<std::string, ConnectionRuntime> connections;

  bool initiator = false;        ///< Ours is the lower identity.
  bool adopting = true;          ///< Neither up nor failed in this run: what carries is an earlier run's.
  bool peer_enrolled = false;    ///< Learned by IKE (DESIGN 3).
  bool peer_key_is_rsa = false;  ///< Learned by IKE, from the peer's own proof.
  /// Learned since it was up last. Ours starts then, though it may be the higher identity; a second time is a failure.
  bool key_kind_told = false;
  /// Up, or about to be taken over from an earlier run, and would be blocked by clock or expiry (R57): no new key, and
  /// no new start.
  bool held = false;
  absl::Duration held_since;              ///< Steady clock; while it is about to be taken over.
  std::vector<policy::Failure> failures;  ///< Seen since facts, policy or credentials changed last.
  std::string last_error;
  int attempts = 0;                         ///< Failed ones in a row.
  absl::Time since = absl::InfinitePast();  ///< When it entered its state.
  absl::Duration surplus_since;             ///< Steady clock; when more than one child was first seen. Zero: not now.
  core::SurplusAsked surplus_asked;
  std::map<std::uint32_t, absl::Duration>
      orphans;  ///< SAs that pluto does not know, by SPI: when first seen, steady clock.
  absl::Duration probed_at;

  std::optional<common::EventLoop::TimerId> retry;
  std::optional<common::EventLoop::TimerId> takeover;
  std::optional<common::EventLoop::TimerId> age;    ///< max_sa_age.
  std::optional<common::EventLoop::TimerId> rekey;  ///< The next key change.
};

/// When the connection authenticated whose last time is the longest ago; infinite without connections.
[[nodiscard]] inline absl::Duration OldestAuthentication(const LinkRuntime& link) {
  absl::Duration oldest = absl::InfiniteDuration();
  for (const auto& [name, connection] : link.connections) oldest = std::min(oldest, connection.authenticated_at);
  return oldest;
}

/// What the decision allows since the last authentication; infinite where it says nothing.
[[nodiscard]] inline absl::Duration LongestAge(const LinkRuntime& link) {
  const absl::Duration most = std::min(link.decision.terms.max_sa_age, core::kLongestSaLife);
  return most > absl::ZeroDuration() ? most : absl::InfiniteDuration();
}

}  // namespace henb::x2sec::app
