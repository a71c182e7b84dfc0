// What a signed policy must pass before versions are looked at: the same for the device and for OAM's tool.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/digest.h"
#include "policy/cms.h"
#include "policy/policy.h"

namespace henb::policy {

struct AcceptedPolicy {
  Policy policy;
  std::string json;
  common::Sha256Digest sha256;  ///< Of the JSON: the policy's digest.
  SignerInfo signer;
};

/// Verify → read → judge → operator → audience. InvalidArgument: not a CMS, or not a valid policy (path of the field);
/// PermissionDenied: signature, signer, operator, device or audience. Any thread.
[[nodiscard]] absl::StatusOr<AcceptedPolicy> AcceptPolicy(std::string_view cms_der,
                                                          const SignatureExpectation& expected);

/// FailedPrecondition with the field when `now` is outside the policy's dates.
[[nodiscard]] absl::Status CheckDates(const Policy& policy, absl::Time now);

}  // namespace henb::policy
