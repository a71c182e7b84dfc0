// What x2sec-ocspd reads of x2secd's configuration.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/ip_address.h"
#include "common/log.h"

namespace henb::x2sec::ocspd {

struct OcspdConfig {
  common::IpAddress address;  ///< Loopback.
  std::uint16_t port = 0;
  std::string verdicts;     ///< state_dir/verdicts.json
  std::string certificate;  ///< PEM.
  std::string key;          ///< PEM, 0600.
};

/// `text` is x2secd.toml; the rest of it is x2secd's. InvalidArgument with file, line and column.
[[nodiscard]] absl::StatusOr<OcspdConfig> ReadOcspdConfig(std::string_view text, std::string_view path);

}  // namespace henb::x2sec::ocspd
