// The operator's root, taken from the RA/CA's answer by a device that does not have it yet (R27, R61).
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/certificate.h"
#include "henb-x2sec/core/ports/enroller.h"

namespace henb::x2sec::enrol {

/// A root that the terms let in. A value.
struct LearnedRoot {
  common::Certificate root;
  core::RootSource source = core::RootSource::kPinned;
  /// Late binding: the cross-certificate (the root's name and key), then what leads to the vendor root, which is last.
  std::vector<common::Certificate> cross_path;
};

/// The first self-signed CA certificate of `offered` (extraCerts and caPubs, in any order) that `terms` let in: its
/// key is pinned, or it is the one that late binding names and a valid path of cross-certificates leads from a vendor
/// root to it. It stands for itself: no more is trusted of the message that brought it. Paths are searched with a
/// bound, so that loops and crowds of certificates cost little. FailedPrecondition with the event's name when there is
/// none.
[[nodiscard]] absl::StatusOr<LearnedRoot> LearnRoot(const std::vector<common::Certificate>& offered,
                                                    const core::RootTerms& terms, absl::Time now);

/// What the cross-certificates say of those below them (path length, name constraints: RFC 5280 §6.1) lets `leaf` in,
/// whose path to the learned root is `intermediates`. Always OK for a pinned root.
[[nodiscard]] absl::Status HoldsThroughCross(const common::Certificate& leaf,
                                             const std::vector<common::Certificate>& intermediates,
                                             const LearnedRoot& learned, absl::Time now);

}  // namespace henb::x2sec::enrol
