#include "henb-x2sec/revocation/judge.h"

#include <algorithm>

namespace henb::x2sec::revocation {

using policy::RevocationMode;

std::string_view NameOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kGood:
      return "GOOD";
    case Verdict::kRevoked:
      return "REVOKED";
    case Verdict::kUnknown:
      break;
  }
  return "UNKNOWN";
}

absl::Duration StaleFor(const News& news, absl::Time now, bool clock_sane) {
  if (!clock_sane || news.fresh_until == absl::InfinitePast()) return absl::InfiniteDuration();
  if (news.this_update > now + kClockSkew) return absl::InfiniteDuration();
  return std::max(absl::ZeroDuration(), now - news.fresh_until);
}

Verdict Judge(const policy::Revocation& terms, const News& news, absl::Time now, bool clock_sane) {
  if (news.verdict == Verdict::kRevoked) return Verdict::kRevoked;
  if (terms.mode == RevocationMode::kSoft) return Verdict::kGood;
  if (news.verdict == Verdict::kUnknown) return Verdict::kUnknown;
  const absl::Duration stale = StaleFor(news, now, clock_sane);
  const bool fresh_enough = terms.mode == RevocationMode::kGrace
                                ? stale <= terms.grace
                                : terms.mode == RevocationMode::kStrict && stale == absl::ZeroDuration();
  return fresh_enough ? Verdict::kGood : Verdict::kUnknown;
}

absl::Time GoodUntil(const policy::Revocation& terms, absl::Time fresh_until) {
  switch (terms.mode) {
    case RevocationMode::kSoft:
      return absl::InfiniteFuture();
    case RevocationMode::kGrace:
      return fresh_until + terms.grace;
    case RevocationMode::kStrict:
      return fresh_until;
  }
  return absl::InfinitePast();
}

}  // namespace henb::x2sec::revocation
