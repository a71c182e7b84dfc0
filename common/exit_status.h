// Exit statuses of the command lines (DESIGN 7).
#pragma once

#include "absl/status/status.h"

namespace henb::common {

enum ExitStatus : int {
  kExitDone = 0,
  kExitFailed = 1,
  kExitInvalid = 2,      ///< Usage or invalid input.
  kExitUnreachable = 3,  ///< Daemon or server not reachable.
  kExitNotFound = 4,     ///< No such object.
  kExitDenied = 5,
};

/// The one mapping from errors to exit statuses. A deadline is a failure; only Unavailable means "not reachable".
[[nodiscard]] inline int ExitStatusOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitDone;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return kExitInvalid;
    case absl::StatusCode::kUnavailable:
      return kExitUnreachable;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return kExitDenied;
    default:
      return kExitFailed;
  }
}

}  // namespace henb::common
