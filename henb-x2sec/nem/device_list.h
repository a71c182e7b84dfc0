// The operator's list of devices that may enrol through this NEM.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/digest.h"
#include "common/henb_id.h"

namespace henb::x2sec::nem {

/// A value. The RA/CA has a list of its own: this one keeps its load and its log clean, and is not what a NEM that was
/// taken over would respect.
class DeviceList {
 public:
  /// A device a line: its dNSName and, where several vendors share a name space, the SHA-256 of its vendor root's
  /// SubjectPublicKeyInfo in hexadecimal. Empty lines and what follows # are left out. InvalidArgument names the line.
  [[nodiscard]] static absl::StatusOr<DeviceList> Parse(std::string_view text);

  [[nodiscard]] bool Allows(const common::HenbId& device) const { return devices_.contains(device); }
  /// The device's certificate ends at the vendor root `anchor`.
  [[nodiscard]] bool Allows(const common::HenbId& device, const common::SpkiHash& anchor) const;
  [[nodiscard]] std::size_t size() const { return devices_.size(); }

 private:
  std::map<common::HenbId, std::optional<common::SpkiHash>> devices_;
};

}  // namespace henb::x2sec::nem
