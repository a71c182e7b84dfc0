// Links: a NAT box that has forgotten us (R64).
#include <algorithm>

#include "common/log.h"
#include "henb-x2sec/app/links/links.h"

namespace henb::x2sec::app {

/// A peer outside learns our new port for IKE by itself, not for the SAs that are up: only new ones go by it. From
/// outside nothing can be done, so the end inside does it.
void Links::WatchMapping(LinkRuntime& link) {
  if (!core::IsUp(link.link.state) || parts_.key_changes.Running(link.id)) return;
  bool lost = false;
  bool inside = false;
  for (auto& [name, connection] : link.connections) {
    if (!core::MayBeInsideNat(connection.spec, parts_.mirror.kernel())) continue;
    inside = true;
    std::uint64_t bytes_in = 0;
    for (const core::LiveChild& child : connection.children) bytes_in += child.bytes_in;
    const core::MappingStep step = core::LookThroughNat(connection.mapping, bytes_in, parts_.clock.Steady());
    connection.mapping = step.watch;
    if (step.probe) parts_.prober.Probe(connection.spec.local_address, connection.spec.peer_address);
    lost = lost || step.change_key;
  }
  if (inside && !mapping_look_) {
    mapping_look_ = parts_.loop.After(core::kProbeThroughNatEvery, [this] {
      mapping_look_.reset();
      parts_.mirror.CheckKernel();
    });
  }
  if (!lost) return;
  common::LogWarning("link.mapping_lost", {{"neighbour", link.id.str()}});
  parts_.loop.Post([this, id = link.id] { StartKeyChange(id, [](const absl::Status&) {}); });
}

}  // namespace henb::x2sec::app
