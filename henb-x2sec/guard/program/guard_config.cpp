#include "henb-x2sec/guard/program/guard_config.h"

#include <cstdint>
#include <string>
#include <vector>

#include "common/status.h"
#include "common/toml_reader.h"

namespace henb::x2sec::guard {
namespace {

using Protocol = core::ProtectedPort::Protocol;

void ReadPorts(common::TomlReader* reader, std::string_view key, Protocol protocol, core::GuardSpec* spec) {
  if (!reader->Has(key)) return;
  std::vector<std::int64_t> numbers;
  reader->Ints(key, 1, 65535, &numbers);
  std::erase_if(spec->ports, [&](const core::ProtectedPort& port) { return port.protocol == protocol; });
  for (const std::int64_t number : numbers) spec->ports.insert({protocol, static_cast<std::uint16_t>(number)});
}

void ReadBackhaul(common::TomlReader* reader, core::GuardSpec* spec) {
  if (reader->Has("backhaul.reqid")) {
    std::int64_t reqid = 1;
    reader->Int("backhaul.reqid", 1, 16379, &reqid);
    spec->backhaul_reqid = static_cast<int>(reqid);
  }
  std::vector<std::string> networks;
  reader->Strings("backhaul.core_networks", &networks);
  for (const std::string& text : networks) {
    const auto network = common::Cidr::Parse(text);
    if (!network.ok()) return reader->Fail("backhaul.core_networks", common::ToStd(network.status().message()));
    spec->core_networks.insert(*network);
  }
  if (!spec->core_networks.empty() && !spec->backhaul_reqid) {
    reader->Fail("backhaul.core_networks", "needs backhaul.reqid");
  }
}

/// "10.100.0.1:8443", "[fd00::1]:8443".
std::optional<core::BackhaulOnlyService> ParseService(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = common::IpAddress::Parse(host);
  const auto port = common::ParseNumber<std::uint16_t>(text.substr(colon + 1));
  if (!address.ok() || address->is_v6() != bracketed || !port || *port == 0) return std::nullopt;
  return core::BackhaulOnlyService{*address, *port};
}

void ReadKeyService(common::TomlReader* reader, core::GuardSpec* spec) {
  if (!reader->Has("keydist.address")) return;
  std::string text;
  reader->String("keydist.address", &text);
  if (const auto service = ParseService(text)) {
    spec->backhaul_only.insert(*service);
  } else {
    reader->Fail("keydist.address",
                 common::StrCat(common::Quoted(text), " is not an address and a port, such as \"10.100.0.1:8443\""));
  }
}

}  // namespace

core::GuardSpec ClosedSpec() {
  core::GuardSpec spec;
  spec.ports = core::X2Ports();
  return spec;
}

absl::StatusOr<core::GuardSpec> ReadClosedSpec(std::string_view text, std::string_view path) {
  common::TomlReader reader(text, path);
  core::GuardSpec spec = ClosedSpec();
  ReadPorts(&reader, "x2.sctp_ports", Protocol::kSctp, &spec);
  ReadPorts(&reader, "x2.udp_ports", Protocol::kUdp, &spec);
  if (spec.ports.empty()) reader.Fail("x2.udp_ports", "and x2.sctp_ports are both empty: nothing would be protected");
  ReadBackhaul(&reader, &spec);
  ReadKeyService(&reader, &spec);
  reader.IgnoreRest();
  RETURN_IF_ERROR(reader.Finish());
  return spec;
}

}  // namespace henb::x2sec::guard
