#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace henb::x2sec::control {

/// Provisioning data that were taken.
struct ProvisionResult {
  std::uint64_t serial = 0;
  std::string operator_name;
  std::string sha256;      ///< Of their JSON, hexadecimal.
  bool unchanged = false;  ///< They were in force already.
  std::size_t operator_roots = 0;
  std::size_t enrolment_segs = 0;
  bool credential = false;  ///< An unspent symmetric credential is at hand.
};

}  // namespace henb::x2sec::control
