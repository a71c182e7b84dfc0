#include "keydist-server/app/config.h"

#include <algorithm>
#include <cctype>

#include "common/file.h"
#include "common/status.h"
#include "common/toml_reader.h"
#include "keydist-server/domain/audit_head.h"
#include "keydist-server/pkcs11/pkcs11_uri.h"

namespace henb::keydist::app {
namespace {

using common::TomlReader;

/// A PKCS #11 URI as it will be when ResolveCredentials has been at it.
std::string WithoutCredential(std::string text) {
  constexpr std::string_view kByName = "pin-source=credential:";
  const std::size_t at = text.find(kByName);
  if (at != std::string::npos) text.replace(at, kByName.size(), "pin-source=/");
  return text;
}

bool IsUnspecified(const common::IpAddress& address) {
  const auto bytes = address.bytes();
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

/// "10.100.0.1:8443", "[2001:db8::1]:8443".
std::optional<Endpoint> ParseEndpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto address = common::IpAddress::Parse(host);
  const auto port = common::ParseNumber<std::uint16_t>(text.substr(colon + 1));
  if (!address.ok() || !port || *port == 0) return std::nullopt;
  return Endpoint{.address = *address, .port = *port};
}

bool IsLoopback(const common::IpAddress& address) {
  if (!address.is_v6()) return address.bytes()[0] == 127;
  return address == *common::IpAddress::Parse("::1");
}

void ReadMetrics(TomlReader& toml, Config* config) {
  std::string text = "127.0.0.1:9464";
  toml.String("metrics.listen", &text);
  if (text == "off") return;
  config->metrics = ParseEndpoint(text);
  if (!config->metrics || !IsLoopback(config->metrics->address)) {
    toml.Fail("metrics.listen", "neither \"off\" nor an address of loopback and a port such as \"127.0.0.1:9464\"");
  }
}

void ReadListen(TomlReader& toml, Config* config) {
  std::string text;
  toml.Require("network.listen");
  toml.String("network.listen", &text);
  if (text.empty()) return;
  const std::optional<Endpoint> listen = ParseEndpoint(text);
  if (!listen) return toml.Fail("network.listen", "not an address and port such as \"10.100.0.1:8443\"");
  if (IsUnspecified(listen->address)) {
    return toml.Fail("network.listen", "must be one explicit address, the one where the backhaul ends");
  }
  config->listen_address = listen->address;
  config->listen_port = listen->port;
}

void ReadNetwork(TomlReader& toml, Config* config) {
  ReadListen(toml, config);
  std::string placement = "colocated";
  toml.String("network.placement", &placement);
  if (placement == "behind_segw") {
    config->placement = Placement::kBehindSegw;
  } else if (placement != "colocated") {
    toml.Fail("network.placement", "neither \"colocated\" nor \"behind_segw\"");
  }
  std::vector<std::string> pool;
  toml.Strings("network.inner_pool", &pool);
  for (const std::string& text : pool) {
    const auto network = common::Cidr::Parse(text);
    if (!network.ok()) {
      toml.Fail("network.inner_pool", common::ToStd(network.status().message()));
      break;
    }
    config->inner_pool.push_back(*network);
  }
  if (config->placement == Placement::kBehindSegw && config->inner_pool.empty()) {
    toml.Fail(toml.Has("network.inner_pool") ? "network.inner_pool" : "network.placement",
              "behind_segw needs the networks of network.inner_pool");
  }
  toml.Bool("network.kernel_guard", &config->kernel_guard);
  toml.String("network.nft", &config->nft);
  toml.Bool("network.reflection", &config->reflection);
}

/// "host:port", IPv6 in brackets.
bool IsEndpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const auto port = common::ParseNumber<std::uint16_t>(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  if (!port || *port == 0) return false;
  if (host.starts_with('[') && host.ends_with(']')) {
    return common::IpAddress::Parse(host.substr(1, host.size() - 2)).ok();
  }
  return std::all_of(host.begin(), host.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '-'; });
}

bool IsPrefix(std::string_view text) {
  return text.size() >= 2 && text.size() <= 128 && text.ends_with('/') &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_' || c == '/';
         });
}

void ReadEtcd(TomlReader& toml, EtcdConfig* etcd) {
  toml.Strings("store.etcd.endpoints", &etcd->endpoints);
  if (toml.Has("store.etcd.endpoints") && etcd->endpoints.empty()) toml.Fail("store.etcd.endpoints", "is empty");
  for (const std::string& endpoint : etcd->endpoints) {
    if (IsEndpoint(endpoint)) continue;
    toml.Fail("store.etcd.endpoints",
              common::StrCat(common::Quoted(endpoint), " is not a host and port such as \"etcd-1.example:2379\""));
    break;
  }
  toml.String("store.etcd.ca", &etcd->ca);
  toml.String("store.etcd.certificate", &etcd->certificate);
  toml.String("store.etcd.key", &etcd->key);
  toml.String("store.etcd.prefix", &etcd->prefix);
  if (!IsPrefix(etcd->prefix)) {
    toml.Fail("store.etcd.prefix", "not up to 128 letters, digits, '.', '-', '_' and '/' with '/' at the end");
  }
  toml.Duration("store.etcd.deadline", &etcd->deadline);
  if (etcd->deadline < absl::Milliseconds(100) || etcd->deadline > absl::Seconds(30)) {
    toml.Fail("store.etcd.deadline", "not between 100ms and 30s");
  }
  toml.Duration("store.etcd.silence", &etcd->silence);
  if (etcd->silence < 2 * etcd->deadline || etcd->silence > absl::Minutes(5)) {
    toml.Fail(toml.Has("store.etcd.silence") ? "store.etcd.silence" : "store.etcd.deadline",
              "store.etcd.silence must be between twice store.etcd.deadline and 5m");
  }
}

void ReadStore(TomlReader& toml, Config* config) {
  toml.String("store.state_dir", &config->state_dir);
  toml.String("store.run_dir", &config->run_dir);
  std::string backend = "sqlite";
  toml.String("store.backend", &backend);
  if (backend == "etcd") {
    config->backend = StoreBackend::kEtcd;
  } else if (backend != "sqlite") {
    toml.Fail("store.backend", "neither \"sqlite\" nor \"etcd\"");
  }
  ReadEtcd(toml, &config->etcd);
  // With "sqlite" it says where keydistctl migrate is to go.
  const bool etcd = config->backend == StoreBackend::kEtcd;
  for (const char* key : {"store.etcd.endpoints", "store.etcd.ca", "store.etcd.certificate", "store.etcd.key"}) {
    if (etcd || toml.Has("store.etcd")) toml.Require(key);
  }
}

void ReadAudit(TomlReader& toml, Config* config) {
  config->audit_path = config->state_dir + "/audit.jsonl";
  toml.String("audit.path", &config->audit_path);
  config->audit_heads_path = config->state_dir + "/audit-heads.jsonl";
  toml.String("audit.heads_path", &config->audit_heads_path);
  config->audit_heads_key = config->state_dir + "/audit-heads.key";
  toml.String("audit.heads_key", &config->audit_heads_key);
  toml.Duration("audit.heads_every", &config->audit_heads_every);
  if (config->audit_heads_every < absl::Seconds(1)) toml.Fail("audit.heads_every", "shorter than 1s");
  toml.Int("audit.roll_size_mib", 1, 1 << 20, &config->audit_roll_size_mib);
  toml.Duration("audit.roll_every", &config->audit_roll_every);
  if (config->audit_roll_every < absl::Minutes(1)) toml.Fail("audit.roll_every", "shorter than 1m");
  toml.Duration("audit.keep", &config->audit_keep);
  toml.String("audit.exported", &config->audit_exported);
  if ((config->audit_keep > absl::ZeroDuration()) != toml.Has("audit.exported")) {
    toml.Fail(toml.Has("audit.keep") ? "audit.keep" : "audit.exported",
              "audit.keep and audit.exported need each other");
  }
  toml.String("audit.replica", &config->audit_replica);
  if (toml.Has("audit.replica") && !domain::IsReplicaName(config->audit_replica)) {
    toml.Fail("audit.replica", "not 1 to 64 letters, digits, '.', '-' and '_'");
  }
}

void ReadLog(TomlReader& toml, Config* config) {
  std::string format = "kv";
  toml.String("log.format", &format);
  if (format != "kv" && format != "json") toml.Fail("log.format", "neither \"kv\" nor \"json\"");
  config->log.json = format == "json";
  std::string level = "info";
  toml.String("log.level", &level);
  using common::LogLevel;
  if (level == "debug") {
    config->log.least = LogLevel::kDebug;
  } else if (level == "warning") {
    config->log.least = LogLevel::kWarning;
  } else if (level == "alarm") {
    config->log.least = LogLevel::kAlarm;
  } else if (level != "info") {
    toml.Fail("log.level", "none of \"debug\", \"info\", \"warning\", \"alarm\"");
  }
  config->log.program = "keydist-server";
}

void ReadKeks(TomlReader& toml, Config* config) {
  // Its name while there were files only.
  if (toml.Has("keys.kek") && toml.Has("keys.kek_file")) toml.Fail("keys.kek_file", "is keys.kek, which is there too");
  toml.String("keys.kek", &config->kek);
  toml.String("keys.kek_file", &config->kek);
  toml.Strings("keys.previous_keks", &config->previous_keks);
  const auto check = [&](const char* key, const std::string& text) {
    if (!pkcs11::IsPkcs11Uri(text)) return;
    const absl::Status status = pkcs11::ParsePkcs11Uri(WithoutCredential(text)).status();
    if (!status.ok()) toml.Fail(key, common::ToStd(status.message()));
  };
  check(toml.Has("keys.kek_file") ? "keys.kek_file" : "keys.kek", config->kek);
  for (const std::string& text : config->previous_keks) check("keys.previous_keks", text);
}

void ReadLimits(TomlReader& toml, Config* config) {
  service::QuotaLimits& quota = config->quota;
  toml.Int("limits.calls_per_second", 1, 1'000'000, &quota.calls_per_second);
  toml.Int("limits.burst", service::kMaxPeers, 1'000'000'000, &quota.burst);
  toml.Int("limits.concurrent", 1, 10'000, &quota.concurrent);
  toml.Int("limits.watches_per_henb", 1, 10'000, &quota.watches);
  toml.Int("limits.memory_mib", 64, 1 << 20, &config->memory_mib);
  toml.Int("limits.connections", 1, 10'000'000, &config->connections);
  toml.Int("limits.connections_per_address", 1, 10'000'000, &config->connections_per_address);
  toml.Int("limits.new_connections_per_second", 1, 1'000'000, &config->new_connections_per_second);
}

constexpr std::int64_t kKibOfOne = 125;  // A connection with its event stream, as measured (docs/performance.md).

}  // namespace

domain::ConnectionLimits Config::Connections() const {
  return {.total = connections > 0 ? connections : memory_mib * 1024 / kKibOfOne,
          .per_place = connections_per_address,
          .fresh = {.refill = absl::Seconds(1) / new_connections_per_second, .burst = 10 * new_connections_per_second}};
}

std::string Config::ListenText() const {
  const std::string host = listen_address.ToString();
  return listen_address.is_v6() ? common::StrCat("[", host, "]:", listen_port) : common::StrCat(host, ":", listen_port);
}

absl::StatusOr<Config> ParseConfig(std::string_view text, std::string_view name) {
  Config config;
  TomlReader toml(text, name);
  ReadNetwork(toml, &config);
  for (const auto& [key, value] : {std::pair{"tls.certificate", &config.certificate}, {"tls.key", &config.key}}) {
    toml.Require(key);
    toml.String(key, value);
  }
  toml.Require("tls.anchors");
  toml.Strings("tls.anchors", &config.anchors);
  if (toml.Has("tls.anchors") && config.anchors.empty()) toml.Fail("tls.anchors", "is empty");
  toml.Strings("tls.client_crls", &config.client_crls);
  toml.Duration("tls.client_crl_grace", &config.client_crl_grace);
  if (config.client_crl_grace < absl::ZeroDuration() || config.client_crl_grace > absl::Hours(24 * 30)) {
    toml.Fail("tls.client_crl_grace", "not between 0s and 720h");
  }

  ReadStore(toml, &config);
  ReadKeks(toml, &config);
  domain::EpochSchedule& schedule = config.service.schedule;
  toml.Duration("keys.epoch_length", &schedule.length);
  // Short epochs keep the proportions unless the file says otherwise.
  schedule.grace = std::min(schedule.grace, schedule.length / 12);
  schedule.prefetch = std::min(schedule.prefetch, schedule.length / 4);
  toml.Duration("keys.grace", &schedule.grace);
  toml.Duration("keys.prefetch", &schedule.prefetch);
  if (const absl::Status status = domain::CheckSchedule(schedule); !status.ok()) {
    toml.Fail("keys.epoch_length", common::ToStd(status.message()));
  }
  toml.Duration("service.lease", &config.service.lease);
  if (config.service.lease < absl::Seconds(5) || config.service.lease > absl::Hours(24)) {
    toml.Fail("service.lease", "not between 5s and 24h");
  }
  toml.Duration("service.drain", &config.drain);
  if (config.drain > absl::Minutes(5)) toml.Fail("service.drain", "longer than 5m");
  ReadLimits(toml, &config);
  ReadAudit(toml, &config);
  ReadMetrics(toml, &config);
  toml.String("admin.group", &config.admin_group);
  toml.String("admin.status_group", &config.status_group);
  ReadLog(toml, &config);
  RETURN_IF_ERROR(toml.Finish());
  return config;
}

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  const absl::StatusOr<std::string> text = common::ReadFile(path);
  if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
  ASSIGN_OR_RETURN(Config config, ParseConfig(*text, path));
  config.path = path;
  return config;
}

}  // namespace henb::keydist::app
