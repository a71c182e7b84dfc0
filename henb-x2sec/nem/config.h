// Configuration of nem-gateway: docs/nem.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/ip_address.h"
#include "common/log.h"

namespace henb::x2sec::nem {

struct Config {
  common::IpAddress listen_address;
  std::uint16_t listen_port = 8445;
  std::string server_certificate, server_key;
  int connections = 256;
  absl::Duration connection_life = absl::Seconds(60);

  std::string device_list, vendor_root;
  std::uint64_t requests_per_hour = 12;
  absl::Duration revoke_old_after = absl::Hours(1);

  std::string store_path = "/var/lib/nem-gateway/requests.db";
  absl::Duration keep_finished = absl::Hours(720);

  std::string operator_root;
  std::string ra_url;  ///< Empty: manual mode alone.
  std::string ra_recipient, ra_certificate, ra_key;
  std::size_t batch_size = 100;
  absl::Duration batch_delay = absl::Seconds(1);
  int ra_connections = 4;
  absl::Duration message_timeout = absl::Seconds(20);
  absl::Duration total_timeout = absl::Minutes(5);

  common::LogConfig log;
  [[nodiscard]] std::string ListenText() const;
};

/// Reads and checks the whole of it; the first error with file, line and column.
[[nodiscard]] absl::StatusOr<Config> ParseConfig(std::string_view text, std::string_view path);

}  // namespace henb::x2sec::nem
