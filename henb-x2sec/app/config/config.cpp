#include "henb-x2sec/app/config/config.h"

#include <algorithm>
#include <cstdint>

#include "common/status.h"
#include "common/toml_reader.h"
#include "henb-x2sec/app/config/service_url.h"

namespace henb::x2sec::app {
namespace {

using common::StrCat;
using common::TomlReader;

constexpr std::int64_t kLargestCsgId = (1 << 27) - 1;  // CSG-Identity is a BIT STRING of 27 (TS 36.331 §6.3.4).

template <typename T>
struct Choice {
  std::string_view name;
  T value;
};

template <typename T, std::size_t N>
std::optional<T> ReadChoice(TomlReader* reader, std::string_view key, const Choice<T> (&choices)[N]) {
  if (!reader->Has(key)) return std::nullopt;
  std::string text;
  reader->String(key, &text);
  std::vector<std::string> names;
  for (const Choice<T>& choice : choices) {
    if (choice.name == text) return choice.value;
    names.push_back(StrCat("\"", choice.name, "\""));
  }
  reader->Fail(key, StrCat("is ", common::Quoted(text), "; must be one of ", common::Join(names, ", ")));
  return std::nullopt;
}

void ReadPath(TomlReader* reader, std::string_view key, std::string* path) {
  if (!reader->Has(key)) return;
  reader->String(key, path);
  if (!path->starts_with('/') || path->find('\0') != std::string::npos) reader->Fail(key, "must be an absolute path");
}

void ReadOptionalPath(TomlReader* reader, std::string_view key, std::optional<std::string>* path) {
  if (!reader->Has(key)) return;
  path->emplace();
  ReadPath(reader, key, &path->value());
}

void ReadText(TomlReader* reader, std::string_view key, std::string* text) {
  if (!reader->Has(key)) return;
  reader->String(key, text);
  if (text->empty()) reader->Fail(key, "must not be empty");
}

void ReadDuration(TomlReader* reader, std::string_view key, absl::Duration least, absl::Duration most,
                  absl::Duration* value) {
  if (!reader->Has(key)) return;
  reader->Duration(key, value);
  if (*value < least || *value > most) {
    reader->Fail(key, StrCat("must be from ", absl::FormatDuration(least), " to ", absl::FormatDuration(most)));
  }
}

void ReadDevice(TomlReader* reader, Config* config) {
  reader->Require("device.id");
  std::string id;
  reader->String("device.id", &id);
  auto parsed = common::HenbId::Parse(id);
  if (parsed.ok()) {
    config->id = *parsed;
  } else {
    reader->Fail("device.id", StrCat("is refused: ", parsed.status().message()));
  }
  ReadPath(reader, "device.state_dir", &config->state_dir);
  ReadPath(reader, "device.run_dir", &config->run_dir);
  if (reader->Has("device.csg_id")) {
    std::int64_t csg_id = 0;
    reader->Int("device.csg_id", 0, kLargestCsgId, &csg_id);
    config->csg_id = static_cast<std::uint32_t>(csg_id);
  }
  using policy::AccessMode;
  static constexpr Choice<AccessMode> kModes[] = {
      {"closed", AccessMode::kClosed}, {"hybrid", AccessMode::kHybrid}, {"open", AccessMode::kOpen}};
  config->access_mode = ReadChoice(reader, "device.access_mode", kModes);
}

void ReadCredentials(TomlReader* reader, Config* config) {
  std::string vendor_key;
  reader->String("credentials.vendor_key", &vendor_key);
  config->token = ReadToken(reader, vendor_key);
  for (const auto& [key, path] : {std::pair("credentials.vendor_certificate", &config->vendor_certificate),
                                  std::pair("credentials.vendor_key", &config->vendor_key),
                                  std::pair("credentials.vendor_root", &config->vendor_root)}) {
    reader->Require(key);
    if (path != &config->vendor_key || !vendor_key.starts_with("pkcs11:")) ReadPath(reader, key, path);
  }
  ReadOptionalPath(reader, "credentials.operator_root", &config->operator_root);
  if (reader->Has("credentials.operator")) ReadText(reader, "credentials.operator", &config->operator_name.emplace());
}

void ReadCrossCertificates(TomlReader* reader, Config* config) {
  constexpr std::string_view kKey = "credentials.cross_certificates";
  reader->Strings(kKey, &config->cross_certificates);
  for (const std::string& url : config->cross_certificates) {
    if (!IsPlainHttpUrl(url)) reader->Fail(kKey, StrCat("holds ", common::Quoted(url), kNotPlainHttpUrl));
  }
}

void ReadFeatures(TomlReader* reader, Config* config) {
  reader->Bool("features.ipsec", &config->with_ipsec);
  reader->Bool("features.cmp", &config->with_cmp);
  reader->Bool("features.keydist", &config->with_keydist);
  config->with_ipsec = config->with_ipsec && X2SEC_WITH_IPSEC != 0;
  config->with_cmp = config->with_cmp && X2SEC_WITH_CMP != 0;
  config->with_keydist = config->with_keydist && X2SEC_WITH_KEYDIST != 0;
}

void ReadPorts(TomlReader* reader, std::string_view key, core::ProtectedPort::Protocol protocol,
               std::set<core::ProtectedPort>* ports) {
  if (!reader->Has(key)) return;
  std::vector<std::int64_t> numbers;
  reader->Ints(key, 1, 65535, &numbers);
  std::erase_if(*ports, [&](const core::ProtectedPort& port) { return port.protocol == protocol; });
  for (const std::int64_t number : numbers) {
    if (!ports->insert({protocol, static_cast<std::uint16_t>(number)}).second) {
      reader->Fail(key, StrCat("names ", number, " twice"));
    }
  }
}

void ReadLocalAddresses(TomlReader* reader, Config* config) {
  std::vector<std::string> texts;
  reader->Strings("x2.local_addresses", &texts);
  for (const std::string& text : texts) {
    const auto address = common::IpAddress::Parse(text);
    auto& known = config->local_addresses;
    if (!address.ok()) {
      reader->Fail("x2.local_addresses", StrCat("is refused: ", address.status().message()));
    } else if (std::find(known.begin(), known.end(), *address) != known.end()) {
      reader->Fail("x2.local_addresses", StrCat("names ", text, " twice"));
    } else {
      known.push_back(*address);
    }
  }
}

void ReadX2(TomlReader* reader, Config* config) {
  using Protocol = core::ProtectedPort::Protocol;
  ReadPorts(reader, "x2.sctp_ports", Protocol::kSctp, &config->ports);
  ReadPorts(reader, "x2.udp_ports", Protocol::kUdp, &config->ports);
  if (config->ports.empty())
    reader->Fail("x2.udp_ports", "and x2.sctp_ports are both empty: nothing would be protected");
  ReadLocalAddresses(reader, config);
  static constexpr Choice<bool> kModes[] = {{"tunnel", false}, {"transport", true}};
  config->transport_mode = ReadChoice(reader, "x2.mode", kModes).value_or(config->transport_mode);
}

void ReadPluto(TomlReader* reader, Config* config) {
  ReadPath(reader, "pluto.whack", &config->whack);
  ReadPath(reader, "pluto.rundir", &config->pluto_rundir);
  ReadPath(reader, "pluto.nssdb", &config->nssdb);
  config->secrets_file = StrCat(config->run_dir, "/x2.secrets");
  ReadPath(reader, "pluto.secrets_file", &config->secrets_file);
}

void ReadBackhaul(TomlReader* reader, Config* config) {
  if (reader->Has("backhaul.reqid")) {
    std::int64_t reqid = 0;
    reader->Int("backhaul.reqid", 1, 16379, &reqid);
    config->backhaul_reqid = static_cast<int>(reqid);
  }
  ReadText(reader, "backhaul.interface", &config->backhaul_interface);
  if (config->backhaul_interface.size() > 15)
    reader->Fail("backhaul.interface", "is longer than an interface name, 15 octets");
  std::vector<std::string> networks;
  reader->Strings("backhaul.core_networks", &networks);
  for (const std::string& text : networks) {
    auto network = common::Cidr::Parse(text);
    if (!network.ok()) {
      reader->Fail("backhaul.core_networks", StrCat("is refused: ", network.status().message()));
    } else if (std::find(config->core_networks.begin(), config->core_networks.end(), *network) !=
               config->core_networks.end()) {
      reader->Fail("backhaul.core_networks", StrCat("names ", text, " twice"));
    } else {
      config->core_networks.push_back(*network);
    }
  }
  if (!config->core_networks.empty() && !config->backhaul_reqid) {
    reader->Fail("backhaul.core_networks", "needs backhaul.reqid: S1-U passes inside that SA only");
  }
}

void ReadEnrolment(TomlReader* reader, Config* config) {
  std::vector<std::string> texts;
  reader->Strings("enrolment.segs", &texts);
  for (const std::string& text : texts) {
    const auto seg = ParseEnrolmentSeg(text);
    auto& known = config->enrolment_segs;
    if (!seg.ok()) {
      reader->Fail("enrolment.segs", StrCat("is refused: ", common::Quoted(text), ": ", seg.status().message()));
    } else if (std::find(known.begin(), known.end(), *seg) != known.end()) {
      reader->Fail("enrolment.segs", StrCat("names ", text, " twice"));
    } else {
      known.push_back(*seg);
    }
  }
}

/// "10.100.0.1:8443" or "[2001:db8::1]:8443".
absl::Status ParseEndPoint(std::string_view text, common::IpAddress* ip, std::uint16_t* port) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return absl::InvalidArgumentError("must be address:port");
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  ASSIGN_OR_RETURN_CTX(*ip, common::IpAddress::Parse(host), "is refused");
  if (ip->is_v6() != bracketed) {
    return absl::InvalidArgumentError(
        "must have brackets around an IPv6 address, as in \"[2001:db8::1]:8443\", and only there");
  }
  const auto number = common::ParseNumber<std::uint16_t>(text.substr(colon + 1));
  if (!number || *number == 0) {
    return absl::InvalidArgumentError(
        StrCat("ends with ", common::Quoted(text.substr(colon + 1)), ", which is not a port"));
  }
  *port = *number;
  return absl::OkStatus();
}

void ReadKeydist(TomlReader* reader, Config* config) {
  ReadText(reader, "keydist.server_name", &config->keydist_server_name);
  ReadDuration(reader, "keydist.deadline", absl::Milliseconds(100), absl::Minutes(1), &config->keydist_deadline);
  static constexpr Choice<bool> kShown[] = {{"vendor", false}, {"operator", true}};
  config->keydist_shows_operator =
      ReadChoice(reader, "keydist.certificate", kShown).value_or(config->keydist_shows_operator);
  if (!reader->Has("keydist.address")) return;
  ReadText(reader, "keydist.address", &config->keydist_address.emplace());
  const absl::Status parsed = ParseEndPoint(*config->keydist_address, &config->keydist_ip, &config->keydist_port);
  if (!parsed.ok()) reader->Fail("keydist.address", common::ToStd(parsed.message()));
  if (config->keydist_server_name.empty()) reader->Fail("keydist.address", "needs keydist.server_name");
  if (!config->operator_root) {
    reader->Fail("keydist.address", "needs credentials.operator_root, which the server's certificate is verified to");
  }
}

void ReadLog(TomlReader* reader, Config* config) {
  using common::LogLevel;
  static constexpr Choice<bool> kFormats[] = {{"kv", false}, {"json", true}};
  static constexpr Choice<LogLevel> kLevels[] = {{"debug", LogLevel::kDebug},
                                                 {"info", LogLevel::kInfo},
                                                 {"warning", LogLevel::kWarning},
                                                 {"alarm", LogLevel::kAlarm}};
  config->log.program = "x2secd";
  config->log.json = ReadChoice(reader, "log.format", kFormats).value_or(config->log.json);
  config->log.least = ReadChoice(reader, "log.level", kLevels).value_or(config->log.least);
}

}  // namespace

absl::StatusOr<Config> LoadConfig(std::string_view text, std::string_view path) {
  TomlReader reader(text, path);
  Config config;
  ReadDevice(&reader, &config);
  ReadCredentials(&reader, &config);
  ReadCrossCertificates(&reader, &config);
  ReadFeatures(&reader, &config);
  ReadX2(&reader, &config);
  ReadPluto(&reader, &config);
  ReadBackhaul(&reader, &config);
  ReadEnrolment(&reader, &config);
  ReadKeydist(&reader, &config);
  config.backhaul_move = ReadBackhaulMove(&reader, config.keydist_ip);
  ReadRevocation(&reader, &config.revocation);
  ReadDuration(&reader, "timers.reconcile", absl::Seconds(1), absl::Hours(1), &config.reconcile_every);
  ReadDuration(&reader, "timers.takeover", absl::Seconds(1), absl::Minutes(10), &config.takeover_after);
  ReadLog(&reader, &config);
  ReadOptionalPath(&reader, "metrics.textfile", &config.metrics_textfile);
  RETURN_IF_ERROR(reader.Finish());
  return config;
}

}  // namespace henb::x2sec::app
