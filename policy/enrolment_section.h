// The enrolment section, which policies and provisioning data have alike. Inside this module only.
#pragma once

#include "policy/enrolment.h"
#include "policy/json_reader.h"
#include "policy/problem.h"

namespace henb::policy {

/// Its fields; what is wrong is reported to the object's problems.
[[nodiscard]] Enrolment ReadEnrolment(JsonObject object);
/// What its fields must not say together, as "enrolment.…".
void JudgeEnrolment(const Enrolment& enrolment, Problems* problems);

/// Text of a policy: not empty, printable, no longer than 200 octets.
[[nodiscard]] absl::StatusOr<std::string> ParsePrintable(std::string_view text);

}  // namespace henb::policy
