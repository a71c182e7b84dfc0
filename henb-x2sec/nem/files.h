// The files that nem-gateway's configuration names.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/certificate.h"
#include "henb-x2sec/enrol/openssl_ptr.h"
#include "henb-x2sec/nem/config.h"
#include "henb-x2sec/nem/device_list.h"

namespace henb::x2sec::nem {

struct Files {
  std::vector<common::Certificate> server_chain;
  enrol::EvpKey server_key;
  std::vector<common::Certificate> vendor_roots;
  std::vector<common::Certificate> operator_roots;
  std::vector<common::Certificate> ra_chain;  ///< Empty in manual mode.
  enrol::EvpKey ra_key;
  std::shared_ptr<const DeviceList> devices;
};

/// InvalidArgument names the file: missing, unreadable, a key that is not its certificate's.
[[nodiscard]] absl::StatusOr<Files> ReadFiles(const Config& config);
/// The list alone, for a reload.
[[nodiscard]] absl::StatusOr<std::shared_ptr<const DeviceList>> ReadDeviceList(const Config& config);
[[nodiscard]] absl::StatusOr<std::vector<common::Certificate>> ReadCertificates(const std::string& path);

}  // namespace henb::x2sec::nem
