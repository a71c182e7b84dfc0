// Who may have which pair's key (R44). Pure.
#pragma once

#include "keydist-server/domain/henb_record.h"

namespace henb::keydist::domain {

enum class CallerVerdict { kAccepted, kUnknown, kSuspended };

/// `record` is what is registered under the name in the caller's certificate, null when there is nothing; `anchor` is
/// the one its path ended at. A registered name under another anchor is unknown.
[[nodiscard]] CallerVerdict JudgeCaller(const HenbRecord* record, const common::SpkiHash& anchor);

enum class PairVerdict {
  kAllowed,
  kNotAllowed,     ///< Not allowed, or nobody of that name: the two look the same to the caller.
  kPeerSuspended,  ///< Allowed, were the peer not suspended.
};

/// `caller` has been accepted. `peer` is null when the name is not registered; `rule` is the operator's word about this
/// pair. Allowed: both in a common group or explicitly allowed; an explicit deny wins.
[[nodiscard]] PairVerdict JudgePair(const HenbRecord& caller, const HenbRecord* peer, PairRule rule);

}  // namespace henb::keydist::domain
