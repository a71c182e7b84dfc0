// Which PKCS#11 modules the users of an NSS database load.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace henb::x2sec::nss {

/// Whether `directory`/pkcs11.txt names this library; NotFound, PermissionDenied. Any thread.
[[nodiscard]] absl::StatusOr<bool> HasModule(const std::string& directory, const std::string& module);

/// Adds the library under the name "x2sec token" where it is missing: true. Who has the database open already, pluto
/// above all, loads it at its next start. Nothing else of the list is touched. One thread at a time.
[[nodiscard]] absl::StatusOr<bool> AddModule(const std::string& directory, const std::string& module);

}  // namespace henb::x2sec::nss
