// absl::Status at the edge of gRPC: mapped once, here. The two share their code numbers.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace henb::common {

[[nodiscard]] grpc::Status ToGrpc(const absl::Status& status);
[[nodiscard]] absl::Status FromGrpc(const grpc::Status& status);

}  // namespace henb::common
