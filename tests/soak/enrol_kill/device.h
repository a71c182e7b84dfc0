// The certificates' half of x2secd in a process of its own, to be killed.
#pragma once

#include <string>

namespace henb::tests {

enum class DeviceErrand {
  kEnrol,   ///< As a link would ask for it.
  kRenew,   ///< As `x2secctl enrol --now`.
  kSettle,  ///< What a start of x2secd does: goes on with what was cut off; enrols where that had not begun.
};

/// Where a device has its files: made by the parent.
struct DevicePlace {
  std::string folder;  ///< vendor.pem, vendor.key, vendor-root.pem, operator-root.pem, and the state directory.
  std::string nssdb;   ///< A real NSS database.
  std::string ca_url;
  std::string ra_name;
  std::string nem_url = "";  ///< Where it enrols through a NEM (R39).
};

/// Runs until nothing is left to do, then writes what the device holds to `folder`/held.json:
/// {"installed_after_ms", "serial", "keys": [ckaids with a certificate], "without_certificate": [ckaids]}. The exit
/// status of the process.
[[nodiscard]] int RunDevice(const DevicePlace& place, DeviceErrand errand);

}  // namespace henb::tests
