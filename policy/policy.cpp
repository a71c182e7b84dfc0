#include "policy/policy.h"

#include <algorithm>

#include "common/status.h"

namespace henb::policy {

absl::StatusOr<IdPattern> IdPattern::Parse(std::string_view text) {
  IdPattern out;
  out.wildcard_ = text.starts_with("*.");
  const auto id = common::HenbId::Parse(out.wildcard_ ? common::StrCat("x", text.substr(1)) : std::string(text));
  if (!id.ok()) {
    return absl::InvalidArgumentError(
        common::StrCat(common::Quoted(text), " is neither a HeNB id nor \"*.\" and a domain: ", id.status().message()));
  }
  out.text_ = out.wildcard_ ? id->str().substr(1) : id->str();
  return out;
}

bool IdPattern::Covers(const IdPattern& other) const {
  if (!wildcard_) return *this == other;
  if (other.wildcard_) return other.text_.ends_with(text_);
  return other.text_.size() > text_.size() && other.text_.ends_with(text_);
}

absl::Duration LongestSaAge(const Policy& policy) {
  absl::Duration longest = absl::ZeroDuration();
  for (const Rule& rule : policy.rules) longest = std::max(longest, rule.max_sa_age);
  return longest;
}

bool MentionsPsk(const Policy& policy) {
  return std::any_of(policy.rules.begin(), policy.rules.end(), [](const Rule& rule) {
    return std::find(rule.methods.begin(), rule.methods.end(), Method::kPsk) != rule.methods.end();
  });
}

}  // namespace henb::policy
