#include "henb-x2sec/nem/config.h"

#include "common/status.h"
#include "common/toml_reader.h"

namespace henb::x2sec::nem {
namespace {

using common::StrCat;
using common::TomlReader;

/// "10.0.0.1", "10.0.0.1:8445" or "[2001:db8::1]:8445".
void ReadListen(TomlReader& toml, Config* config) {
  toml.Require("server.listen");
  std::string text;
  toml.String("server.listen", &text);
  if (text.empty()) return;
  std::string_view host = text;
  const std::size_t colon = text.rfind(':');
  const std::size_t bracket = text.rfind(']');
  const bool has_port =
      colon != std::string::npos && (bracket != std::string::npos ? colon > bracket : text.find(':') == colon);
  if (has_port) {
    const auto port = common::ParseNumber<std::uint16_t>(host.substr(colon + 1));
    if (!port || *port == 0) return toml.Fail("server.listen", "ends with what is no port");
    config->listen_port = *port;
    host = host.substr(0, colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto address = common::IpAddress::Parse(host);
  if (!address.ok()) return toml.Fail("server.listen", "must be ADDRESS or ADDRESS:PORT in numbers");
  config->listen_address = *address;
}

void ReadPath(TomlReader& toml, std::string_view key, bool required, std::string* path) {
  if (required) toml.Require(key);
  if (!toml.Has(key)) return;
  toml.String(key, path);
  if (!path->starts_with('/') || path->find('\0') != std::string::npos) toml.Fail(key, "must be an absolute path");
}

void ReadDuration(TomlReader& toml, std::string_view key, absl::Duration least, absl::Duration most,
                  absl::Duration* value) {
  if (!toml.Has(key)) return;
  toml.Duration(key, value);
  if (*value < least || *value > most)
    toml.Fail(key, StrCat("must be from ", absl::FormatDuration(least), " to ", absl::FormatDuration(most)));
}

template <typename T>
void ReadCount(TomlReader& toml, std::string_view key, std::int64_t most, T* value) {
  auto number = static_cast<std::int64_t>(*value);
  toml.Int(key, 1, most, &number);
  *value = static_cast<T>(number);
}

void ReadRa(TomlReader& toml, Config* config) {
  ReadPath(toml, "ra.operator_root", true, &config->operator_root);
  toml.String("ra.url", &config->ra_url);
  if (toml.Has("ra.url") && !config->ra_url.starts_with("http://"))
    toml.Fail("ra.url", "must be http://HOST[:PORT][/PATH]: CMP's messages protect themselves");
  toml.String("ra.recipient", &config->ra_recipient);
  ReadPath(toml, "ra.certificate", toml.Has("ra.url"), &config->ra_certificate);
  ReadPath(toml, "ra.key", toml.Has("ra.url"), &config->ra_key);
  if (toml.Has("ra.url")) toml.Require("ra.recipient");
  ReadCount(toml, "ra.batch_size", 10'000, &config->batch_size);
  ReadDuration(toml, "ra.batch_delay", absl::ZeroDuration(), absl::Hours(24), &config->batch_delay);
  ReadCount(toml, "ra.connections", 64, &config->ra_connections);
  ReadDuration(toml, "ra.message_timeout", absl::Seconds(1), absl::Minutes(5), &config->message_timeout);
  ReadDuration(toml, "ra.total_timeout", absl::Seconds(1), absl::Hours(24), &config->total_timeout);
}

void ReadLog(TomlReader& toml, Config* config) {
  using common::LogLevel;
  config->log.program = "nem-gateway";
  std::string format = "kv";
  toml.String("log.format", &format);
  if (format != "kv" && format != "json") toml.Fail("log.format", "must be \"kv\" or \"json\"");
  config->log.json = format == "json";
  if (!toml.Has("log.level")) return;
  std::string level;
  toml.String("log.level", &level);
  for (const auto& [name, value] : {std::pair("debug", LogLevel::kDebug), std::pair("info", LogLevel::kInfo),
                                    std::pair("warning", LogLevel::kWarning), std::pair("alarm", LogLevel::kAlarm)}) {
    if (level == name) {
      config->log.least = value;
      return;
    }
  }
  toml.Fail("log.level", "must be \"debug\", \"info\", \"warning\" or \"alarm\"");
}

}  // namespace

std::string Config::ListenText() const {
  const std::string host = listen_address.ToString();
  return StrCat(listen_address.is_v6() ? StrCat("[", host, "]") : host, ":", listen_port);
}

absl::StatusOr<Config> ParseConfig(std::string_view text, std::string_view path) {
  TomlReader toml(text, path);
  Config config;
  ReadListen(toml, &config);
  ReadPath(toml, "server.certificate", true, &config.server_certificate);
  ReadPath(toml, "server.key", true, &config.server_key);
  ReadCount(toml, "server.connections", 10'000, &config.connections);
  ReadDuration(toml, "server.connection_life", absl::Seconds(1), absl::Hours(1), &config.connection_life);
  ReadPath(toml, "devices.list", true, &config.device_list);
  ReadPath(toml, "devices.vendor_root", true, &config.vendor_root);
  ReadCount(toml, "devices.requests_per_hour", 3600, &config.requests_per_hour);
  ReadDuration(toml, "devices.revoke_old_after", absl::ZeroDuration(), absl::Hours(24 * 30), &config.revoke_old_after);
  ReadPath(toml, "store.path", false, &config.store_path);
  ReadDuration(toml, "store.keep_finished", absl::Hours(1), absl::Hours(24 * 3650), &config.keep_finished);
  ReadRa(toml, &config);
  ReadLog(toml, &config);
  RETURN_IF_ERROR(toml.Finish());
  return config;
}

}  // namespace henb::x2sec::nem
