#include "henb-x2sec/guard/guard_rules.h"

#include <array>
#include <optional>

#include "common/strings.h"

namespace henb::x2sec::guard {
namespace {

using common::StrAppend;
using common::StrCat;

constexpr std::uint16_t kGtpuPort = 2152;  // TS 29.281 clause 4.4.2.3; S1-U and X2-U share it.

struct SetKind {
  std::string_view name;
  std::string_view type4;
  std::string_view type6;
  bool interval = false;
};
// The reqid has no name as a type: such a set is declared by an example ("typeof"), and serves both directions.
constexpr std::array<SetKind, 6> kSets{{
    {"admitted", "typeof ip saddr . ipsec in reqid", "typeof ip6 saddr . ipsec in reqid"},
    {"trusted", "type ipv4_addr . ifname", "type ipv6_addr . ifname"},
    {"neighbours", "type ipv4_addr", "type ipv6_addr"},
    {"core", "type ipv4_addr", "type ipv6_addr", true},
    {"backhaul_only", "type ipv4_addr . inet_service", "type ipv6_addr . inet_service"},
    {"initial_only", "type ipv4_addr . inet_service", "type ipv6_addr . inet_service"},
}};
constexpr std::array<std::string_view, 4> kCounters{"dropped_out", "dropped_in", "dropped_forward", "dropped_backhaul"};

std::string Block(std::string_view kind, std::string_view name, const std::vector<std::string>& lines) {
  std::string text = StrCat("\t", kind, " ", name, " {\n");
  for (const std::string& line : lines) StrAppend(&text, "\t\t", line, "\n");
  return text + "\t}\n";
}

/// A rule for IPv4 and its twin for IPv6: "$ip" becomes "ip" and "ip6", "$v" the ending of the set's name.
void AddBoth(std::string_view pattern, std::vector<std::string>* rules) {
  for (const bool v6 : {false, true}) {
    std::string rule(pattern);
    for (const auto& [from, to] : {std::pair{"$ip", v6 ? "ip6" : "ip"}, std::pair{"$v", v6 ? "6" : "4"}}) {
      for (auto at = rule.find(from); at != std::string::npos; at = rule.find(from)) {
        rule.replace(at, std::string_view(from).size(), to);
      }
    }
    rules->push_back(rule);
  }
}

struct Path {
  std::string_view chain;
  std::string_view counter;
  bool outwards;
  bool inwards;
};
constexpr Path kLeaving{"leaving", "dropped_out", true, false};
constexpr Path kArriving{"arriving", "dropped_in", false, true};
constexpr Path kPassing{"passing", "dropped_forward", true, true};

std::string DropRule(std::string_view counter) { return StrCat("counter name \"", counter, "\" drop"); }

/// X2: inside the neighbour's own IPsec, or in clear where trusted. A trusted neighbour's X2 inside some tunnel is on
/// another way than the one that was trusted.
std::string X2Chain(const Path& path) {
  std::vector<std::string> rules;
  if (path.outwards) {
    AddBoth("$ip daddr . ipsec out reqid @admitted$v accept", &rules);
    AddBoth("rt ipsec missing $ip daddr . oifname @trusted$v accept", &rules);
  }
  if (path.inwards) {
    AddBoth("$ip saddr . ipsec in reqid @admitted$v accept", &rules);
    AddBoth("meta ipsec missing $ip saddr . iifname @trusted$v accept", &rules);
  }
  rules.push_back(DropRule(path.counter));
  return Block("chain", path.chain, rules);
}

/// GTP-U may be S1-U too: to and from the core inside the backhaul's IPsec, unless the address is a neighbour's.
std::string GtpuChain(const Path& path, const std::vector<int>& backhaul) {
  std::vector<std::string> rules;
  if (!backhaul.empty()) {
    if (path.outwards) AddBoth(StrCat("$ip daddr @neighbours$v goto ", path.chain), &rules);
    if (path.inwards) AddBoth(StrCat("$ip saddr @neighbours$v goto ", path.chain), &rules);
  }
  for (const int reqid : backhaul) {
    if (path.outwards) AddBoth(StrCat("$ip daddr @core$v ipsec out reqid ", reqid, " accept"), &rules);
    if (path.inwards) AddBoth(StrCat("$ip saddr @core$v ipsec in reqid ", reqid, " accept"), &rules);
  }
  rules.push_back(StrCat("goto ", path.chain));
  return Block("chain", StrCat(path.chain, "_gtpu"), rules);
}

std::vector<int> Those(std::initializer_list<std::optional<int>> reqids) {
  std::vector<int> there;
  for (const std::optional<int>& reqid : reqids) {
    if (reqid) there.push_back(*reqid);
  }
  return there;
}

/// Services of the set `name`: inside IPsec of these reqids alone.
std::string InsideOnlyChain(const Path& path, std::string_view name, const std::vector<int>& reqids) {
  std::vector<std::string> rules;
  rules.reserve(reqids.size() + 1);
  for (const int reqid : reqids) {
    rules.push_back(StrCat("ipsec ", path.outwards ? "out" : "in", " reqid ", reqid, " accept"));
  }
  rules.push_back(DropRule("dropped_backhaul"));
  return Block("chain", StrCat(path.chain, "_", name), rules);
}

void AddInsideOnlyRules(const Path& path, std::string_view name, std::vector<std::string>* rules) {
  const std::string target = StrCat(" @", name, "$v goto ", path.chain, "_", name);
  AddBoth(StrCat(path.outwards ? "$ip daddr . tcp dport" : "$ip saddr . tcp sport", target), rules);
}

std::string BaseChain(std::string_view hook, const Path& path, const core::GuardSpec& spec) {
  std::vector<std::string> rules{StrCat("type filter hook ", hook, " priority filter; policy accept;")};
  for (const core::ProtectedPort& port : spec.ports) {
    const bool udp = port.protocol == core::ProtectedPort::Protocol::kUdp;
    const bool gtpu = udp && port.port == kGtpuPort;
    for (const std::string_view side : {"dport", "sport"}) {
      rules.push_back(
          StrCat(udp ? "udp" : "sctp", " ", side, " ", port.port, " goto ", path.chain, gtpu ? "_gtpu" : ""));
    }
  }
  if (path.outwards != path.inwards) {
    if (!spec.backhaul_trusted) AddInsideOnlyRules(path, "backhaul_only", &rules);
    AddInsideOnlyRules(path, "initial_only", &rules);
  }
  return Block("chain", hook, rules);
}

std::string SetBlock(const SetKind& kind, bool v6) {
  std::vector<std::string> lines{std::string(v6 ? kind.type6 : kind.type4)};
  if (kind.interval) lines.emplace_back("flags interval");
  return Block("set", StrCat(kind.name, v6 ? "6" : "4"), lines);
}

}  // namespace

std::vector<std::string> SetNames() {
  std::vector<std::string> names;
  names.reserve(2 * kSets.size());
  for (const SetKind& kind : kSets) {
    names.push_back(StrCat(kind.name, "4"));
    names.push_back(StrCat(kind.name, "6"));
  }
  return names;
}

std::string CounterBlock(std::string_view name, const CounterValue& value) {
  return Block("counter", name, {StrCat("packets ", value.packets, " bytes ", value.bytes)});
}

std::string RenderStructure(const core::GuardSpec& spec) {
  std::vector<std::string> blocks;
  blocks.reserve(kCounters.size() + 2 * kSets.size() + std::size_t{3} * 5);
  for (const std::string_view name : kCounters) blocks.push_back(CounterBlock(name, {}));
  for (const SetKind& kind : kSets) {
    blocks.push_back(SetBlock(kind, false));
    blocks.push_back(SetBlock(kind, true));
  }
  const std::vector<int> backhaul = Those({spec.backhaul_reqid, spec.moved_reqid});
  for (const Path& path : {kLeaving, kArriving, kPassing}) {
    blocks.push_back(X2Chain(path));
    blocks.push_back(GtpuChain(path, backhaul));
    if (path.outwards == path.inwards) continue;
    blocks.push_back(InsideOnlyChain(path, "backhaul_only", backhaul));
    blocks.push_back(InsideOnlyChain(path, "initial_only", Those({spec.initial_reqid})));
  }
  blocks.push_back(BaseChain("output", kLeaving, spec));
  blocks.push_back(BaseChain("input", kArriving, spec));
  blocks.push_back(BaseChain("forward", kPassing, spec));
  return StrCat("table inet ", kTableName, " {\n", common::Join(blocks, "\n"), "}\n");
}

}  // namespace henb::x2sec::guard
