// The difference between what should be and what pluto, the kernel and the guard hold. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "henb-x2sec/core/ports/guard.h"
#include "henb-x2sec/core/ports/ike_daemon.h"
#include "henb-x2sec/core/ports/kernel_ipsec.h"

namespace henb::x2sec::core {

/// Everything that is ours, as it should be now.
struct Desired {
  std::vector<ConnectionSpec> connections;
  std::map<std::string, std::string> fingerprints;  ///< Of each connection, by name (IkeDaemon::Fingerprint).
  std::set<Pin> pins;                               ///< One for each connection, with the SPI that is right now.
  std::set<TunnelPin> tunnel_pins;
  std::set<ClearPair> clear;
  GuardSpec guard;
  std::set<int> own_reqids;  ///< Ever given to a neighbour: SAs of these are ours.
};

/// What is.
struct Observed {
  std::optional<IkeSnapshot> ike;  ///< None: pluto does not answer; then nothing of pluto's is judged.
  KernelSnapshot kernel;
  std::set<std::string> to_renew;           ///< Connections to be given anew though they look right.
  std::set<std::uint64_t> phantoms_before;  ///< Repairs::phantoms of the previous look.
};

struct Repairs {
  bool install_belt = false;
  std::vector<ClearPair> forbid_clear;
  std::vector<ClearPair> allow_clear;
  std::vector<Pin> set_pins;
  std::vector<std::pair<common::IpAddress, common::IpAddress>> remove_pins;
  std::vector<TunnelPin> set_tunnel_pins;
  std::vector<std::pair<common::IpAddress, common::Cidr>> remove_tunnel_pins;
  std::vector<std::string> delete_connections;
  std::vector<ConnectionSpec> add_connections;
  std::vector<SaInfo> delete_sas;  ///< Of connections that are wanted no more, or of neighbours that are gone.
  std::vector<std::uint64_t>
      delete_states;  ///< Children that pluto believes in and the kernel does not hold, seen twice.
  std::set<std::uint64_t> phantoms;
  [[nodiscard]] bool empty() const;
};

/// "x2-": connections with other names are other people's and are never touched.
inline constexpr char kConnectionPrefix[] = "x2-";

[[nodiscard]] Repairs Reconcile(const Desired& desired, const Observed& observed);

}  // namespace henb::x2sec::core
