// Names of the policy's enumerations, as they stand in JSON, logs and tables.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "policy/decide.h"
#include "policy/facts.h"
#include "policy/policy.h"

namespace henb::policy {

/// "UNKNOWN" for a value that is not enumerated. Any thread.
[[nodiscard]] std::string_view Name(Kind value);
[[nodiscard]] std::string_view Name(AccessMode value);
[[nodiscard]] std::string_view Name(Method value);
[[nodiscard]] std::string_view Name(FailureKind value);
[[nodiscard]] std::string_view Name(Mode value);
[[nodiscard]] std::string_view Name(RevocationMode value);
[[nodiscard]] std::string_view Name(Transport value);
[[nodiscard]] std::string_view Name(EnrolmentCredential value);
[[nodiscard]] std::string_view Name(NemTrust value);
[[nodiscard]] std::string_view Name(Source value);
[[nodiscard]] std::string_view Name(Outcome value);
[[nodiscard]] std::string_view Name(WaitingFor value);
[[nodiscard]] std::string_view Name(Feature value);
/// Name of the field of a match; empty for kNone.
[[nodiscard]] std::string_view Name(MatchField value);

/// The value of a name; nullopt when there is none such. For Kind, AccessMode, Method, FailureKind, Mode,
/// RevocationMode, Transport, EnrolmentCredential, NemTrust, Source.
template <typename Enum>
[[nodiscard]] std::optional<Enum> FromName(std::string_view name);
/// Every name, in the order of the values.
template <typename Enum>
[[nodiscard]] std::vector<std::string_view> AllNames();

}  // namespace henb::policy
