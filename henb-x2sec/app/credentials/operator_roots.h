// Operator roots that did not come with the configuration: where they came from, and whether they still count.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/certificate.h"
#include "henb-x2sec/core/ports/enroller.h"
#include "policy/enrolment.h"

namespace henb::x2sec::app {

struct OperatorRoot {
  common::Certificate certificate;
  std::string origin;  ///< FILE, PINNED or LATE_BINDING.
  absl::Time since;    ///< Of those that were learned.
};

/// Those in `path`, in the order learned; none when there is no such file. DataLoss when it can't be understood.
[[nodiscard]] absl::StatusOr<std::vector<OperatorRoot>> ReadLearnedRoots(const std::string& path);
/// One more, durably; one that is there already stays as it is.
[[nodiscard]] absl::Status KeepLearnedRoot(const std::string& path, const OperatorRoot& root);

/// What an RA/CA's answer may bring under these terms.
[[nodiscard]] core::RootTerms RootTermsOf(const policy::Enrolment& terms,
                                          std::vector<common::Certificate> vendor_roots);
/// Those that an enrolment under these terms is verified to: of the configuration, and learned ones that the terms
/// would let in again. A policy that names another operator so takes the earlier one's root out of use.
[[nodiscard]] std::vector<common::Certificate> UsableRoots(const policy::Enrolment& terms,
                                                           const std::vector<OperatorRoot>& roots);

}  // namespace henb::x2sec::app
