#include "henb-x2sec/pluto/state_list.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "common/status.h"
#include "henb-x2sec/pluto/connection_arguments.h"

namespace henb::x2sec::pluto {
namespace {

using common::ParseNumber;
using common::Quoted;
using common::StrCat;

constexpr std::string_view kListBegin = "Connection list:";
constexpr std::string_view kListEnd = "Total IPsec connections:";
constexpr std::string_view kLastPart = "Bare Shunt list:";

/// `#2: "x2-ab":500 STATE_…` in its parts.
struct StateLine {
  std::uint64_t serial = 0;
  std::string_view connection;
  std::string_view rest;  ///< After the quote that closes the name.
};

/// Takes `"name"` and, for an instance, `[1] 10.0.0.2` after it. The name, or nothing.
std::optional<std::string_view> TakeName(std::string_view& text) {
  if (!text.starts_with('"')) return std::nullopt;
  const auto end = text.find('"', 1);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view name = text.substr(1, end - 1);
  text.remove_prefix(end + 1);
  return name;
}

std::optional<StateLine> ReadStateLine(std::string_view text) {
  if (!text.starts_with('#')) return std::nullopt;
  const auto colon = text.find(": ");
  if (colon == std::string_view::npos) return std::nullopt;
  const auto serial = ParseNumber<std::uint64_t>(text.substr(1, colon - 1));
  text.remove_prefix(colon + 2);
  const auto name = TakeName(text);
  if (!serial || !name) return std::nullopt;
  return StateLine{*serial, *name, text};
}

/// The word that begins with `start`, up to a blank or ';'.
std::string_view Word(std::string_view text, std::string_view start) {
  const auto at = text.find(start);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at);
  return text.substr(0, text.find_first_of(" ;"));
}

/// The number after `label`, as in "IKE SA #1;".
std::optional<std::uint64_t> NumberAfter(std::string_view text, std::string_view label) {
  const auto at = text.find(label);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + label.size());
  return ParseNumber<std::uint64_t>(text.substr(0, text.find_first_not_of("0123456789")));
}

/// Where " esp.…" (IPv4) or " esp:…" (IPv6) begins.
std::size_t FindEsp(std::string_view text) { return std::min(text.find(" esp."), text.find(" esp:")); }

/// " esp.925e8d68@10.9.0.2 esp.3504afab@10.9.0.1 …", " esp:a4ff5972@fd09::2 …": outbound first, not zero-padded.
bool ReadSpis(std::string_view rest, core::ChildSa& child) {
  std::uint32_t* const into[] = {&child.spi_out, &child.spi_in};
  for (std::uint32_t* spi : into) {
    const auto at = FindEsp(rest);
    if (at == std::string_view::npos) return false;
    rest.remove_prefix(at + 5);
    const auto end = rest.find('@');
    const auto value = ParseNumber<std::uint32_t>(rest.substr(0, end), 16);
    if (!value || *value == 0 || end == std::string_view::npos) return false;
    *spi = *value;
  }
  return true;
}

core::ChildSa* FindChild(core::IkeSnapshot& snapshot, std::uint64_t serial) {
  const auto at = std::find_if(snapshot.child_sas.begin(), snapshot.child_sas.end(),
                               [&](const core::ChildSa& child) { return child.serial == serial; });
  return at == snapshot.child_sas.end() ? nullptr : &*at;
}

/// True when the line was read, or tells nothing that we need.
bool AddState(const StateLine& line, core::IkeSnapshot& snapshot) {
  const std::string_view state = Word(line.rest, "STATE_");
  if (state.empty()) {
    if (FindEsp(line.rest) == std::string_view::npos) return true;
    core::ChildSa* child = FindChild(snapshot, line.serial);
    return child != nullptr && ReadSpis(line.rest, *child);
  }
  if (!state.starts_with("STATE_V2_")) return !line.connection.starts_with(kOwnPrefix);
  const bool newest = line.rest.find(" newest;") != std::string_view::npos;
  if (state.find("CHILD") == std::string_view::npos) {
    snapshot.ike_sas.push_back(
        {line.serial, std::string(line.connection), state == "STATE_V2_ESTABLISHED_IKE_SA", newest});
    return true;
  }
  core::ChildSa child;
  child.serial = line.serial;
  child.connection = line.connection;
  child.established = state == "STATE_V2_ESTABLISHED_CHILD_SA";
  child.newest = newest;
  const auto parent = NumberAfter(line.rest, "IKE SA #");
  child.ike_serial = parent.value_or(0);
  snapshot.child_sas.push_back(std::move(child));
  return parent.has_value() || !snapshot.child_sas.back().established;
}

/// The router of our end in `10.200.0.1/32===10.8.0.1[@henb-a.example]---10.8.0.9...10.8.0.254<10.8.0.254>[@segw]===…`;
/// without "---" it is the peer.
std::optional<common::IpAddress> NextHop(std::string_view ends) {
  const std::size_t between = ends.find("...");
  if (between == std::string_view::npos) return std::nullopt;
  std::string_view hop = ends.substr(between + 3);
  hop = hop.substr(0, hop.find_first_of("<[=;:"));
  if (const std::size_t own = ends.substr(0, between).find("---"); own != std::string_view::npos) {
    hop = ends.substr(own + 3, between - own - 3);
  }
  const auto address = common::IpAddress::Parse(hop);
  return address.ok() ? std::optional(*address) : std::nullopt;
}

/// `"x2-t-0": 10.9.0.1[…`, and of its other lines `"x2-t-0":   conn_prio: 32,32; interface: lan0; metric: 77; …`.
void AddConnection(std::string_view text, core::IkeSnapshot& snapshot) {
  const auto name = TakeName(text);
  if (!name) return;
  // All lines of a connection come together; instances of a template repeat its name.
  if (snapshot.connections.empty() || snapshot.connections.back() != *name) {
    snapshot.connections.emplace_back(*name);
    const auto hop = name->starts_with(kOwnPrefix) ? std::nullopt : NextHop(text);
    if (hop) snapshot.next_hops[std::string(*name)] = *hop;
  }
  const auto metric = NumberAfter(text, "; metric: ");
  if (metric && *metric != 0 && name->starts_with(kOwnPrefix)) {
    snapshot.fingerprints[std::string(*name)] = StrCat(*metric);
  }
}

}  // namespace

absl::StatusOr<core::IkeSnapshot> ParseStates(const WhackReply& reply) {
  core::IkeSnapshot snapshot;
  for (const ReplyLine& line : reply.lines) {
    if (line.code != 0 || !line.text.starts_with('#')) continue;
    const auto state = ReadStateLine(line.text);
    const bool pending = line.text.find(": pending ") != std::string::npos;
    if (pending) continue;
    if (!state || !AddState(*state, snapshot)) {
      return absl::InternalError(StrCat("pluto's list of states: not understood: ", Quoted(line.text, 200)));
    }
  }
  for (const core::ChildSa& child : snapshot.child_sas) {
    if (child.established && child.spi_in == 0 && child.connection.starts_with(kOwnPrefix)) {
      return absl::InternalError(StrCat("pluto's list of states: no SPIs for child SA #", child.serial));
    }
  }
  return snapshot;
}

absl::StatusOr<core::IkeSnapshot> ParseStatus(const WhackReply& reply) {
  ASSIGN_OR_RETURN(core::IkeSnapshot snapshot, ParseStates(reply));
  enum class Part { kSettings, kConnections, kAfter, kWhole } part = Part::kSettings;
  for (const ReplyLine& line : reply.lines) {
    const std::string_view text = line.text;
    if (part == Part::kSettings && text.starts_with(kListBegin)) part = Part::kConnections;
    if (part == Part::kConnections && text.starts_with(kListEnd)) part = Part::kAfter;
    if (part == Part::kConnections) AddConnection(text, snapshot);
    if (part == Part::kAfter && text.starts_with(kLastPart)) part = Part::kWhole;
  }
  if (part != Part::kWhole) return absl::InternalError("pluto's status is not whole");
  return snapshot;
}

}  // namespace henb::x2sec::pluto
