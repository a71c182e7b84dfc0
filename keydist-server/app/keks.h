// The key-encryption keys that the configuration names.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/random.h"
#include "keydist-server/app/config.h"
#include "keydist-server/domain/root_sealer.h"

namespace henb::keydist::app {

/// `keys.kek` first, then `keys.previous_keks`. A KEK is a file (32 octets, or 64 hexadecimal digits and a newline;
/// mode 0600 or less) or a key in a PKCS #11 token. Errors name the one: InvalidArgument, NotFound; FailedPrecondition:
/// the token's PIN is locked or about to be; Unavailable: the token is not there.
[[nodiscard]] absl::StatusOr<domain::RootSealer> LoadKeks(const Config& config);

/// Writes a new KEK to the file `place` (0600), or makes one in the token that `place`, a PKCS #11 URI, names.
/// AlreadyExists: never overwrites one.
[[nodiscard]] absl::Status MakeKek(const std::string& place, common::Random& random);

}  // namespace henb::keydist::app
