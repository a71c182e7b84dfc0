// Good, revoked, or not known: the judgement about one certificate.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/time/time.h"
#include "policy/policy.h"

namespace henb::x2sec::revocation {

enum class Verdict : std::uint8_t { kGood, kRevoked, kUnknown };
[[nodiscard]] std::string_view NameOf(Verdict verdict);

/// What is known of a certificate from verified lists and answers.
struct News {
  Verdict verdict = Verdict::kUnknown;  ///< kUnknown: there never was any news, or the responder does not know it.
  absl::Time this_update = absl::InfinitePast();
  absl::Time fresh_until = absl::InfinitePast();  ///< nextUpdate.
};

/// How far a clock and the authority's may differ.
inline constexpr absl::Duration kClockSkew = absl::Minutes(5);

/// How long fresh news has been missing: zero when it is fresh, infinite when there never was any, or when the clock
/// cannot tell (not sane, or the news comes from its future). Pure.
[[nodiscard]] absl::Duration StaleFor(const News& news, absl::Time now, bool clock_sane);

/// R41. Revoked stays revoked, whatever its age and the clock. Else STRICT needs fresh news, GRACE news that is not
/// older than the grace, SOFT none. Pure.
[[nodiscard]] Verdict Judge(const policy::Revocation& terms, const News& news, absl::Time now, bool clock_sane);

/// Until when Judge says good of a certificate of which `news` says so, if nothing new comes. Pure.
[[nodiscard]] absl::Time GoodUntil(const policy::Revocation& terms, absl::Time fresh_until);

}  // namespace henb::x2sec::revocation
