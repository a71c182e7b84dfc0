// The table [backhaul.operator] of x2secd's configuration: docs/configuration.md.
#pragma once

#include <optional>
#include <string>

#include "common/ip_address.h"
#include "common/toml_reader.h"
#include "henb-x2sec/app/config/enrolment_seg.h"

namespace henb::x2sec::app {

/// How the backhaul goes on once there is an operator certificate (R65).
struct BackhaulMoveConfig {
  std::string connection;   ///< pluto's name of the one that is there already, by the vendor certificate.
  EnrolmentSeg gateway;     ///< The security gateway that takes the operator certificate; has an address.
  common::IpAddress local;  ///< Our inner address.
  common::Cidr network;     ///< Behind the gateway.
  common::IpAddress probe;  ///< Answers to echo requests, in `network`.
  bool by_subject = false;  ///< We are called by the certificate's subject, not by device.id.
  friend bool operator==(const BackhaulMoveConfig&, const BackhaulMoveConfig&) = default;
};

/// None where there is no such table. Marks its keys as known; errors go to the reader. `default_probe`: where
/// `backhaul.operator.probe` is not given; unspecified: there is none.
[[nodiscard]] std::optional<BackhaulMoveConfig> ReadBackhaulMove(common::TomlReader* reader,
                                                                 const common::IpAddress& default_probe);

}  // namespace henb::x2sec::app
