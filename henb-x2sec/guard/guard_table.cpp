#include "henb-x2sec/guard/guard_table.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "common/status.h"
#include "henb-x2sec/guard/guard_rules.h"

namespace henb::x2sec::guard {
namespace {

using common::IpAddress;
using common::StrCat;

constexpr int kLargestReqid = 16379;           // Above it pluto gives out its own.
constexpr std::size_t kLongestInterface = 15;  // IFNAMSIZ less the terminating zero.

absl::Status CheckReqid(int reqid, std::string_view whose) {
  if (reqid >= 1 && reqid <= kLargestReqid) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat("reqid ", reqid, " of ", whose, " is not from 1 to ", kLargestReqid));
}

absl::Status CheckAddress(const IpAddress& address, std::string_view whose) {
  if (address.family() != AF_UNSPEC) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat("no address given for ", whose));
}

absl::Status CheckInterface(const std::string& name) {
  const bool characters = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-');
  });
  if (characters && !name.empty() && name.size() <= kLongestInterface && name != "." && name != "..") {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(StrCat(common::Quoted(name), " is not an interface name"));
}

absl::Status Check(const core::GuardSpec& spec) {
  if (spec.ports.empty()) return absl::InvalidArgumentError("no protected port");
  for (const core::ProtectedPort& port : spec.ports) {
    if (port.port == 0) return absl::InvalidArgumentError("0 is not a protected port");
  }
  if (spec.backhaul_reqid) RETURN_IF_ERROR(CheckReqid(*spec.backhaul_reqid, "the backhaul"));
  if (spec.moved_reqid) {
    RETURN_IF_ERROR(CheckReqid(*spec.moved_reqid, "the moved backhaul"));
    if (!spec.backhaul_reqid) return absl::InvalidArgumentError("a moved backhaul without the backhaul's own reqid");
  }
  const auto is_backhaul = [&](int reqid) { return reqid == spec.backhaul_reqid || reqid == spec.moved_reqid; };
  for (const core::AdmittedPeer& peer : spec.admitted) {
    RETURN_IF_ERROR(CheckAddress(peer.peer, "a neighbour"));
    RETURN_IF_ERROR(CheckReqid(peer.reqid, peer.peer.ToString()));
    if (is_backhaul(peer.reqid)) {
      return absl::InvalidArgumentError(
          StrCat("neighbour ", peer.peer.ToString(), " has the backhaul's reqid ", peer.reqid));
    }
  }
  for (const core::TrustedPeer& peer : spec.trusted) {
    RETURN_IF_ERROR(CheckAddress(peer.peer, "a trusted neighbour"));
    RETURN_IF_ERROR(CheckInterface(peer.interface));
    if (!peer.network.Contains(peer.peer)) {
      return absl::InvalidArgumentError(
          StrCat("trusted neighbour ", peer.peer.ToString(), " is not in ", peer.network.ToString()));
    }
  }
  if (!spec.core_networks.empty() && !spec.backhaul_reqid) {
    return absl::InvalidArgumentError("core networks without the reqid of the backhaul");
  }
  for (const core::BackhaulOnlyService& service : spec.backhaul_only) {
    RETURN_IF_ERROR(CheckAddress(service.address, "a service of the backhaul"));
  }
  if (spec.initial_reqid) {
    RETURN_IF_ERROR(CheckReqid(*spec.initial_reqid, "the enrolment SEG"));
    if (is_backhaul(*spec.initial_reqid)) {
      return absl::InvalidArgumentError("the enrolment SEG has the backhaul's reqid");
    }
  }
  for (const core::BackhaulOnlyService& service : spec.initial_only) {
    RETURN_IF_ERROR(CheckAddress(service.address, "a service behind the enrolment SEG"));
  }
  return absl::OkStatus();
}

std::string ForFamily(std::string_view set, const IpAddress& address) {
  return StrCat(set, address.is_v6() ? "6" : "4");
}

/// An interval set takes no network twice; nft prints a network of one address as the address.
void AddCoreNetworks(const std::set<common::Cidr>& networks, Elements* elements) {
  for (const common::Cidr& network : networks) {
    const bool covered = std::any_of(networks.begin(), networks.end(), [&](const common::Cidr& other) {
      return other != network && other.Contains(network);
    });
    if (covered) continue;
    const IpAddress& address = network.network();
    const bool is_host = network.prefix_length() == (address.is_v6() ? 128 : 32);
    (*elements)[ForFamily("core", address)].insert(is_host ? address.ToString() : network.ToString());
  }
}

Elements RenderElements(const core::GuardSpec& spec) {
  Elements elements;
  for (const std::string& name : SetNames()) elements[name];
  for (const core::AdmittedPeer& peer : spec.admitted) {
    elements[ForFamily("admitted", peer.peer)].insert(StrCat(peer.peer.ToString(), " . ", peer.reqid));
  }
  for (const core::TrustedPeer& peer : spec.trusted) {
    elements[ForFamily("trusted", peer.peer)].insert(StrCat(peer.peer.ToString(), " . \"", peer.interface, "\""));
  }
  for (const IpAddress& address : spec.neighbours)
    elements[ForFamily("neighbours", address)].insert(address.ToString());
  AddCoreNetworks(spec.core_networks, &elements);
  for (const auto& [set, services] :
       {std::pair("backhaul_only", &spec.backhaul_only), std::pair("initial_only", &spec.initial_only)}) {
    for (const core::BackhaulOnlyService& service : *services) {
      elements[ForFamily(set, service.address)].insert(StrCat(service.address.ToString(), " . ", service.tcp_port));
    }
  }
  return elements;
}

void AppendElements(std::string_view verb, const std::string& set, const std::vector<std::string>& elements,
                    std::string* script) {
  if (elements.empty()) return;
  common::StrAppend(script, verb, " element inet ", kTableName, " ", set, " { ", common::Join(elements, ", "), " }\n");
}

}  // namespace

absl::StatusOr<TableContent> Render(const core::GuardSpec& spec) {
  RETURN_IF_ERROR_CTX(Check(spec), "guard");
  return TableContent{RenderStructure(spec), RenderElements(spec)};
}

std::string ReplaceScript(const TableContent& table, const CounterValues& counters) {
  std::string structure = table.structure;
  for (const auto& [name, value] : counters) {
    const std::string from = CounterBlock(name, {});
    const auto at = structure.find(from);
    if (at != std::string::npos) structure.replace(at, from.size(), CounterBlock(name, value));
  }
  // "delete" of what is not there would fail; "add" first makes it harmless, and all of it is one transaction.
  std::string script = StrCat("add table inet ", kTableName, "\ndelete table inet ", kTableName, "\n", structure);
  for (const auto& [set, elements] : table.elements) {
    AppendElements("add", set, {elements.begin(), elements.end()}, &script);
  }
  return script;
}

std::string UpdateScript(const Elements& there, const Elements& wanted) {
  static const std::set<std::string> kNone;
  std::string script;
  const auto difference = [](const std::set<std::string>& from, const std::set<std::string>& without) {
    std::vector<std::string> rest;
    std::set_difference(from.begin(), from.end(), without.begin(), without.end(), std::back_inserter(rest));
    return rest;
  };
  for (const auto& [set, elements] : wanted) {
    const auto found = there.find(set);
    const std::set<std::string>& old = found == there.end() ? kNone : found->second;
    AppendElements("delete", set, difference(old, elements), &script);
    AppendElements("add", set, difference(elements, old), &script);
  }
  return script;
}

}  // namespace henb::x2sec::guard
