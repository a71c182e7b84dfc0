// The tables [revocation] and [ocspd] of x2secd's configuration: docs/configuration.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/toml_reader.h"

namespace henb::x2sec::app {

struct RevocationConfig {
  std::vector<std::string> vendor_lists;              ///< URLs of the lists of the vendor roots and what is below them.
  std::vector<std::string> operator_lists;            ///< Of the operator's.
  std::vector<std::string> vendor_ocsp;               ///< The vendor side's OCSP responders; one answers for all.
  std::vector<std::string> operator_ocsp;             ///< The operator's.
  bool ocsp_nonce = true;                             ///< An answer must have the question's nonce.
  std::optional<std::string> authorities;             ///< PEM: CAs below those roots that issue to neighbours.
  std::vector<std::string> distribution_point_hosts;  ///< CRL distribution points of own certificates, if there.
  absl::Duration refresh = absl::Hours(1);
  absl::Duration deadline = absl::Seconds(20);
  std::size_t most_octets = 4U << 20;
  std::string ocspd_uri = "http://127.0.0.1:8888/";  ///< What pluto's ocsp-uri must say.

  friend bool operator==(const RevocationConfig&, const RevocationConfig&) = default;
};

/// Marks the keys of both tables as known and reads them; errors go to the reader.
void ReadRevocation(common::TomlReader* reader, RevocationConfig* config);

}  // namespace henb::x2sec::app
