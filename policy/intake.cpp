#include "policy/intake.h"

#include <algorithm>

#include "common/status.h"
#include "policy/load.h"
#include "policy/time_text.h"

namespace henb::policy {
absl::StatusOr<AcceptedPolicy> AcceptPolicy(std::string_view cms_der, const SignatureExpectation& expected) {
  AcceptedPolicy accepted;
  ASSIGN_OR_RETURN(VerifiedPolicy verified, VerifyPolicy(cms_der, expected));
  accepted.json = std::move(verified.json);
  accepted.signer = std::move(verified.signer);
  accepted.sha256 = common::Sha256Digest::Of(accepted.json);
  ASSIGN_OR_RETURN(accepted.policy, LoadPolicy(accepted.json));
  const Policy& policy = accepted.policy;
  if (policy.operator_name != expected.operator_name) {
    return absl::PermissionDeniedError(common::StrCat("operator: ", common::Quoted(policy.operator_name), " is not ",
                                                      common::Quoted(expected.operator_name),
                                                      ", this device's operator"));
  }
  if (std::none_of(policy.audience.begin(), policy.audience.end(),
                   [&](const IdPattern& pattern) { return pattern.Matches(expected.device); })) {
    return absl::PermissionDeniedError(
        common::StrCat("audience: this device (", common::Quoted(expected.device.str()), ") is not in it"));
  }
  return accepted;
}

absl::Status CheckDates(const Policy& policy, absl::Time now) {
  if (now < policy.not_before) {
    return absl::FailedPreconditionError(
        common::StrCat("not_before: ", TimeText(policy.not_before), " is still to come"));
  }
  if (now >= policy.not_after) {
    return absl::FailedPreconditionError(common::StrCat("not_after: ", TimeText(policy.not_after), " is over"));
  }
  return absl::OkStatus();
}

}  // namespace henb::policy
