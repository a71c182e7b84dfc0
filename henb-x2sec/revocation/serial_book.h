// Which serial number a neighbour's certificate may have.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/henb_id.h"

namespace henb::x2sec::revocation {

/// One question of pluto's.
struct Asked {
  std::string serial;
  absl::Time at;
  std::string name_hash{};  ///< Of the issuer, as the question named it; empty: not told.
  std::string key_hash{};
};

/// What x2sec-ocspd says was asked (ocspd/journal.h). InvalidArgument when it is not understood. Pure.
[[nodiscard]] absl::StatusOr<std::vector<Asked>> ParseAsked(std::string_view json);

/// Pluto asks about serial numbers and authenticates names; a certificate asked about when a neighbour was
/// authenticated may be his. Several at a time leave several candidates, the next authentication fewer. A guess may
/// only be too large: who is not known may be anybody. A value.
class SerialBook {
 public:
  /// `id` was authenticated at `when`.
  void Learn(const common::HenbId& id, absl::Time when, const std::vector<Asked>& asked);
  enum class Answer { kNo, kMayBe, kOnly };
  /// Whether one of these serials is his; kOnly: it is the one candidate.
  [[nodiscard]] Answer Has(const common::HenbId& id, const std::vector<std::string>& serials) const;

  /// A question comes so long before the authentication is seen, at most.
  static constexpr absl::Duration kBefore = absl::Seconds(10);
  static constexpr absl::Duration kAfter = absl::Seconds(1);

 private:
  std::map<common::HenbId, std::set<std::string>> candidates_;
};

}  // namespace henb::x2sec::revocation
