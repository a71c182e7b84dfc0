#include "policy/names.h"

#include <array>

namespace henb::policy {
namespace {

// The names of an enumeration in the order of its values, which have no gaps.
template <typename Enum>
constexpr auto kNames = nullptr;

template <>
constexpr auto kNames<Kind> = std::to_array<std::string_view>({"HENB", "ENB"});
template <>
constexpr auto kNames<AccessMode> = std::to_array<std::string_view>({"CLOSED", "HYBRID", "OPEN"});
template <>
constexpr auto kNames<Method> = std::to_array<std::string_view>({"CERT_SAME_CA", "CERT_ENROLLED", "PSK", "TRUSTED",
                                                                 "BLOCK"});
template <>
constexpr auto kNames<FailureKind> = std::to_array<std::string_view>(
    {"AUTHENTICATION_FAILED", "CERTIFICATE_REJECTED", "REVOKED", "REVOCATION_UNAVAILABLE", "NO_PROPOSAL_CHOSEN",
     "CHILD_REFUSED", "NO_ANSWER", "ENROLMENT_REFUSED", "ENROLMENT_UNREACHABLE", "KEY_DENIED",
     "KEY_SERVICE_UNREACHABLE"});
template <>
constexpr auto kNames<Mode> = std::to_array<std::string_view>({"TUNNEL", "TRANSPORT"});
template <>
constexpr auto kNames<RevocationMode> = std::to_array<std::string_view>({"STRICT", "GRACE", "SOFT"});
template <>
constexpr auto kNames<Transport> = std::to_array<std::string_view>({"BACKHAUL", "INITIAL_IPSEC", "DIRECT"});
template <>
constexpr auto kNames<EnrolmentCredential> = std::to_array<std::string_view>({"VENDOR_CERTIFICATE", "MAC_SECRET"});
template <>
constexpr auto kNames<NemTrust> = std::to_array<std::string_view>({"OPERATOR_ROOT", "VENDOR_ROOT"});
template <>
constexpr auto kNames<Source> = std::to_array<std::string_view>({"POLICY", "OAM", "LOCAL", "KEYDIST", "UNVERIFIED"});
template <>
constexpr auto kNames<Outcome> = std::to_array<std::string_view>({"BLOCK", "CERT", "ENROL", "PSK", "TRUSTED"});
template <>
constexpr auto kNames<WaitingFor> = std::to_array<std::string_view>({"SELF", "PEER"});
template <>
constexpr auto kNames<Feature> = std::to_array<std::string_view>({"NONE", "IPSEC", "CMPV2", "KEYDIST"});
template <>
constexpr auto kNames<MatchField> = std::to_array<std::string_view>({"", "neighbours", "kinds", "interfaces",
                                                                     "networks", "issuers", "csg_ids", "access_modes",
                                                                     "same_csg"});

// The value of the first name.
template <typename Enum>
constexpr std::size_t kFirst = 1;
template <>
constexpr std::size_t kFirst<Outcome> = 0;
template <>
constexpr std::size_t kFirst<Feature> = 0;
template <>
constexpr std::size_t kFirst<MatchField> = 0;

template <typename Enum>
std::string_view Lookup(Enum value) {
  const std::size_t at =
      static_cast<std::size_t>(value) - kFirst<Enum>;  // Below the first wraps round to a huge number.
  return at < kNames<Enum>.size() ? kNames<Enum>[at] : "UNKNOWN";
}

}  // namespace

std::string_view Name(Kind value) { return Lookup(value); }
std::string_view Name(AccessMode value) { return Lookup(value); }
std::string_view Name(Method value) { return Lookup(value); }
std::string_view Name(FailureKind value) { return Lookup(value); }
std::string_view Name(Mode value) { return Lookup(value); }
std::string_view Name(RevocationMode value) { return Lookup(value); }
std::string_view Name(Transport value) { return Lookup(value); }
std::string_view Name(EnrolmentCredential value) { return Lookup(value); }
std::string_view Name(NemTrust value) { return Lookup(value); }
std::string_view Name(Source value) { return Lookup(value); }
std::string_view Name(Outcome value) { return Lookup(value); }
std::string_view Name(WaitingFor value) { return Lookup(value); }
std::string_view Name(Feature value) { return Lookup(value); }
std::string_view Name(MatchField value) { return Lookup(value); }

template <typename Enum>
std::optional<Enum> FromName(std::string_view name) {
  for (std::size_t i = 0; i < kNames<Enum>.size(); ++i) {
    if (kNames<Enum>[i] == name) return static_cast<Enum>(i + kFirst<Enum>);
  }
  return std::nullopt;
}

template <typename Enum>
std::vector<std::string_view> AllNames() {
  return {kNames<Enum>.begin(), kNames<Enum>.end()};
}

template std::optional<Kind> FromName(std::string_view name);
template std::optional<AccessMode> FromName(std::string_view name);
template std::optional<Method> FromName(std::string_view name);
template std::optional<FailureKind> FromName(std::string_view name);
template std::optional<Mode> FromName(std::string_view name);
template std::optional<RevocationMode> FromName(std::string_view name);
template std::optional<Transport> FromName(std::string_view name);
template std::optional<EnrolmentCredential> FromName(std::string_view name);
template std::optional<NemTrust> FromName(std::string_view name);
template std::optional<Source> FromName(std::string_view name);
template std::optional<Outcome> FromName(std::string_view name);
template std::vector<std::string_view> AllNames<Kind>();
template std::vector<std::string_view> AllNames<AccessMode>();
template std::vector<std::string_view> AllNames<Method>();
template std::vector<std::string_view> AllNames<FailureKind>();
template std::vector<std::string_view> AllNames<Mode>();
template std::vector<std::string_view> AllNames<RevocationMode>();
template std::vector<std::string_view> AllNames<Transport>();
template std::vector<std::string_view> AllNames<EnrolmentCredential>();
template std::vector<std::string_view> AllNames<NemTrust>();
template std::vector<std::string_view> AllNames<Source>();
template std::vector<std::string_view> AllNames<Outcome>();

}  // namespace henb::policy
