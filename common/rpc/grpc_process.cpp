#include "common/rpc/grpc_process.h"

#include "absl/synchronization/mutex.h"

namespace henb::common {

void PrepareForGrpc() { absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore); }

}  // namespace henb::common
