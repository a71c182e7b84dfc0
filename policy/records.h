// Neighbour records and descriptions of a device, as JSON.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "policy/facts.h"

namespace henb::policy {

/// MESSAGES "Neighbour record". `id` is required, a field that is absent or null is not known. InvalidArgument carries
/// the path of the field. At most 64 KiB, 64 addresses of each sort. Any thread.
[[nodiscard]] absl::StatusOr<NeighbourRecord> ReadNeighbourRecord(std::string_view json);
/// The same record as one line of JSON; what is not known is left out.
[[nodiscard]] std::string WriteNeighbourRecord(const NeighbourRecord& record);

/// What `x2policy explain --self FILE` reads (docs/policy.md): all facts but the neighbour's. `id` is required, the
/// rest has the defaults of SelfFacts, EnrolmentState and Health; `now` absent is left InfinitePast for the caller to
/// fill.
[[nodiscard]] absl::StatusOr<Facts> ReadSelf(std::string_view json);

}  // namespace henb::policy
