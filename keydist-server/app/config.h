// keydist-server.toml as values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ip_address.h"
#include "common/log.h"
#include "keydist-server/domain/connection_book.h"
#include "keydist-server/service/call_quota.h"
#include "keydist-server/service/key_service.h"

namespace henb::keydist::app {

/// Where the backhaul's tunnels end, seen from the service (DESIGN 5).
enum class Placement {
  kColocated,   ///< On the SeGW: the kernel refuses the port outside IPsec.
  kBehindSegw,  ///< In the core: callers come from the inner pool's addresses.
};

/// One address and port.
struct Endpoint {
  common::IpAddress address;
  std::uint16_t port = 0;
};

enum class StoreBackend {
  kSqlite,  ///< One server, one file.
  kEtcd,    ///< Several replicas of one service share it.
};

/// How a replica reaches the store that it shares.
struct EtcdConfig {
  std::vector<std::string> endpoints;          ///< "host:port"; the host is in the member's certificate.
  std::string ca;                              ///< PEM: who signs the members' certificates.
  std::string certificate;                     ///< PEM, what this replica shows them.
  std::string key;                             ///< PEM, 0600.
  std::string prefix = "keydist/";             ///< Of all keys: one service, one prefix.
  absl::Duration deadline = absl::Seconds(2);  ///< Of a call at one endpoint.
  absl::Duration silence = absl::Seconds(10);  ///< Longer without word, and no key goes out.
};

struct Config {
  std::string path;  ///< Of the file; empty: made in memory.
  common::IpAddress listen_address;
  std::uint16_t listen_port = 8443;
  Placement placement = Placement::kColocated;
  std::vector<common::Cidr> inner_pool;
  bool kernel_guard = true;
  std::string nft = "/usr/sbin/nft";

  std::string certificate;                            ///< PEM, leaf first.
  std::string key;                                    ///< PEM, 0600.
  std::vector<std::string> anchors;                   ///< PEM files: vendors' roots and the operator's.
  std::vector<std::string> client_crls;               ///< Revocation lists for clients' certificates; may be none.
  absl::Duration client_crl_grace = absl::Hours(24);  ///< So long after its nextUpdate a list still counts.

  std::string state_dir = "/var/lib/keydist-server";
  std::string run_dir = "/run/keydist-server";
  StoreBackend backend = StoreBackend::kSqlite;
  EtcdConfig etcd;                         ///< With kSqlite: where the service may be moved to; no endpoints: nowhere.
  std::string kek;                         ///< A file or a PKCS #11 URI; see ResolveCredentials.
  std::vector<std::string> previous_keks;  ///< The same, for a change of the KEK.
  std::string audit_path;                  ///< Absent in the file: state_dir + "/audit.jsonl".
  std::string audit_heads_path;            ///< Absent in the file: state_dir + "/audit-heads.jsonl".
  std::string audit_heads_key;  ///< Absent in the file: state_dir + "/audit-heads.key". Made at the first start.
  absl::Duration audit_heads_every = absl::Minutes(1);
  std::int64_t audit_roll_size_mib = 256;
  absl::Duration audit_roll_every = absl::Hours(24);
  absl::Duration audit_keep;   ///< Zero: for ever.
  std::string audit_exported;  ///< With audit_keep: the signed heads as they came where they are kept.
  std::string audit_replica;   ///< Empty: the host's name.
  std::string admin_group = "keydist-admin";
  std::string status_group = "keydist";
  bool reflection = false;
  std::optional<Endpoint> metrics;  ///< Loopback. None: not served.

  service::ServiceOptions service;
  absl::Duration drain = absl::Seconds(5);  ///< Calls may take this long to end when the server does.
  service::QuotaLimits quota;
  std::int64_t memory_mib = 2048;  ///< For all connections of the listener for HeNBs together.
  std::int64_t connections = 0;    ///< At a time; absent in the file: as many as memory_mib holds with a stream each.
  std::int64_t connections_per_address = 16;
  std::int64_t new_connections_per_second = 2;  ///< Of one address; ten times as many at once after a quiet time.
  common::LogConfig log;

  [[nodiscard]] domain::ConnectionLimits Connections() const;
  /// As gRPC and people write it: "10.100.0.1:8443", "[2001:db8::1]:8443".
  [[nodiscard]] std::string ListenText() const;
};

/// InvalidArgument with line and column: unknown keys, wrong types, an address that is not explicit, behind_segw
/// without inner pool.
[[nodiscard]] absl::StatusOr<Config> LoadConfig(const std::string& path);
[[nodiscard]] absl::StatusOr<Config> ParseConfig(std::string_view text, std::string_view name);

}  // namespace henb::keydist::app
