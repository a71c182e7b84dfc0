// What x2secd leaves for x2sec-ocspd: who is revoked, and how long its word holds.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "henb-x2sec/revocation/issuer_id.h"
#include "henb-x2sec/revocation/judge.h"

namespace henb::x2sec::revocation {

/// One issuer whose certificates are judged.
struct IssuerVerdicts {
  IssuerId issuer;
  std::vector<std::string> revoked;  ///< SerialText, sorted.
  absl::Time good_until;             ///< Until then every other certificate of it is good; infinite where SOFT holds.
  std::map<std::string, absl::Time> good{};  ///< SerialText: good until then, by the authority's OCSP answer.
  bool links_shut = false;                   ///< See below.
  bool by_ocsp = false;                      ///< `good` grows as certificates are asked about.
  friend bool operator==(const IssuerVerdicts&, const IssuerVerdicts&) = default;
};

/// The whole file. Where an issuer's good_until has passed while x2secd runs, it shuts every link that would lean on it
/// and says so (links_shut): then the answer is good all the same, so that the backhaul, over which the news must come,
/// can be authenticated.
struct Verdicts {
  absl::Time made;
  std::vector<IssuerVerdicts> issuers;
  friend bool operator==(const Verdicts&, const Verdicts&) = default;
};

/// Issuer and certificate as a question names them.
struct Subject {
  bool sha256 = false;    ///< Of the next two: else SHA-1.
  std::string name_hash;  ///< Hexadecimal.
  std::string key_hash;
  std::string serial;  ///< SerialText.
};

/// `subject` is judged by the authority's OCSP, which has not been asked about it yet: the word may come soon. Pure.
[[nodiscard]] bool IsAwaited(const Verdicts& verdicts, const Subject& subject, absl::Time now);

/// Good for issuers that are not in `verdicts`: other people's certificates are none of ours. Unknown when the word is
/// too old, or made in the clock's future. Pure.
[[nodiscard]] Verdict VerdictFor(const Verdicts& verdicts, const Subject& subject, absl::Time now);

inline constexpr std::size_t kMostVerdictOctets = 32U << 20;

/// JSON, version 1. Parse: InvalidArgument says what is wrong; a file of another version is refused. Pure.
[[nodiscard]] std::string Serialise(const Verdicts& verdicts);
[[nodiscard]] absl::StatusOr<Verdicts> ParseVerdicts(std::string_view json);

}  // namespace henb::x2sec::revocation
