// From a decision to what has to be set up. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/henb_id.h"
#include "common/ip_address.h"
#include "henb-x2sec/core/link_machine.h"
#include "henb-x2sec/core/ports/guard.h"
#include "henb-x2sec/core/ports/ike_daemon.h"
#include "henb-x2sec/core/ports/kernel_ipsec.h"
#include "policy/decide.h"

namespace henb::x2sec::core {

/// pluto takes no longer life of an SA. A rule's max_sa_age above it counts as this.
inline constexpr absl::Duration kLongestSaLife = absl::Hours(168);

struct OwnKey {
  std::string ckaid;
  bool rsa = false;
  std::string subject;
};

struct AddressPair {
  common::IpAddress local;
  common::IpAddress peer;
  common::IpAddress local_ike;
  common::IpAddress peer_ike;
  friend bool operator==(const AddressPair&, const AddressPair&) = default;
};

struct PlanInputs {
  common::HenbId self;
  common::HenbId peer;
  int reqid = 0;
  std::vector<AddressPair> pairs;    ///< Each address of ours with each of the neighbour's (R17).
  std::vector<std::size_t> numbers;  ///< Of each pair, for its connection's name; beyond its end: the pair's index.
  std::optional<OwnKey> vendor_key;
  std::optional<OwnKey> operator_key;
  bool peer_key_is_rsa = false;
  std::string anchor_subject;  ///< DN of the anchor that decision.terms.anchors names first; empty: unknown.
  bool psk_installed = false;
  bool transport_by_configuration = false;
};

/// What the link needs of pluto, kernel and guard. Empty lists where nothing may pass.
struct LinkPlan {
  Goal goal = Goal::kBlock;
  std::vector<ConnectionSpec> connections;
  std::set<AdmittedPeer> admitted;
  std::set<TrustedPeer> trusted;
  std::set<ClearPair> clear;
  std::string missing;  ///< Why there are no connections though the goal wants them; else empty.
  friend bool operator==(const LinkPlan&, const LinkPlan&) = default;
};

/// A number for each pair: the one its connection has in `before`, else the lowest that none has. An address that comes
/// or goes leaves the connections of the others as they are.
[[nodiscard]] std::vector<std::size_t> NumberPairs(const std::vector<AddressPair>& pairs,
                                                   const std::vector<ConnectionSpec>& before);

/// Fails closed: what is missing or unknown leaves the plan without connections or exceptions.
[[nodiscard]] LinkPlan MakePlan(const policy::Decision& decision, const PlanInputs& inputs);

}  // namespace henb::x2sec::core
