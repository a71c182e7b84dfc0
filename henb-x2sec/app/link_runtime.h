// One link as the daemon holds it. Loop thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/event_loop.h"
#include "common/henb_id.h"
#include "henb-x2sec/core/link_machine.h"
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
  std::uint64_t told_ike = 0;             ///< IKE SA of the pinned child, as Parts::authenticated was told.
  absl::Duration settled_at;              ///< Steady clock; a child just made is known to the mirror by then.
};

struct LinkRuntime {
  common::HenbId id;
  core::Link link;
  policy::Decision decision;
  core::LinkPlan plan;
  int reqid = 0;
  std::map<std::string, ConnectionRuntime> connections;

  bool initiator = false;      ///< Ours is the lower identity.
  bool adopting = true;        ///< Neither up nor failed in this run: what carries is an earlier run's.
  bool peer_enrolled = false;  ///< Learned by IKE (DESIGN 3).
  bool held = false;           ///< Up, and would be blocked by clock or expiry (R57): no new key, and no new start.
  std::vector<policy::Failure> failures;  ///< Seen since facts, policy or credentials changed last.
  std::string last_error;
  int attempts = 0;                         ///< Failed ones in a row.
  absl::Time since = absl::InfinitePast();  ///< When it entered its state.
  std::uint64_t authenticated_ike = 0;  ///< IKE SA of the child that is pinned: another one means a new authentication.
  absl::Duration surplus_since;         ///< Steady clock; when more than one child was first seen. Zero: not now.
  core::SurplusAsked surplus_asked;
  std::map<std::uint32_t, absl::Duration>
      orphans;  ///< SAs that pluto does not know, by SPI: when first seen, steady clock.
  absl::Duration probed_at;

  std::optional<common::EventLoop::TimerId> retry;
  std::optional<common::EventLoop::TimerId> takeover;
  std::optional<common::EventLoop::TimerId> age;    ///< max_sa_age.
  std::optional<common::EventLoop::TimerId> rekey;  ///< The next key change.
};

}  // namespace henb::x2sec::app
