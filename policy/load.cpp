#include "policy/load.h"

#include <algorithm>
#include <limits>

#include "common/status.h"
#include "policy/enrolment_section.h"
#include "policy/json_reader.h"
#include "policy/validate.h"

namespace henb::policy {
namespace {

template <typename T>
using Parser = std::function<absl::StatusOr<T>(std::string_view)>;

template <typename Enum>
Parser<Enum> Names() {
  return ParseName<Enum>;
}

absl::StatusOr<std::string> ParseLabel(std::string_view text) {
  const bool fine = !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
  if (fine) return std::string(text);
  return absl::InvalidArgumentError(
      common::StrCat(common::Quoted(text), " is not a name (1 to 64 letters, digits, '.', '_' or '-')"));
}

Revocation ReadRevocation(JsonObject object, Problems* problems) {
  Revocation out;
  object.Require("mode");
  object.Text<RevocationMode>("mode", Names<RevocationMode>(), &out.mode);
  const bool has_grace = object.Find("grace") != nullptr;
  object.Text<absl::Duration>("grace", ParseDuration, &out.grace);
  if (has_grace && out.mode != RevocationMode::kGrace) {
    problems->Add(object.PathOf("grace"), common::StrCat("has no meaning with mode ", Name(out.mode)));
  }
  object.RefuseUnknown();
  return out;
}

void ReadMatch(JsonObject object, Problems* problems, Match* out) {
  object.List<IdPattern>("neighbours", IdPattern::Parse, &out->neighbours);
  object.List<Kind>("kinds", Names<Kind>(), &out->kinds);
  object.List<std::string>("interfaces", ParseInterface, &out->interfaces);
  object.List<common::Cidr>("networks", common::Cidr::Parse, &out->networks);
  object.List<common::SpkiHash>("issuers", common::SpkiHash::ParseHex, &out->issuers);
  if (const Json* ids = object.Items("csg_ids"); ids != nullptr) {
    for (std::size_t i = 0; i < ids->size(); ++i) {
      const std::string at = common::StrCat(object.PathOf("csg_ids"), "[", i, "]");
      const Json& item = (*ids)[i];
      if (!item.is_number_unsigned() || item.get<std::uint64_t>() >= (1U << 27)) {
        problems->Add(at, "a CSG id is a whole number below 2^27");
        continue;
      }
      const auto id = item.get<std::uint32_t>();
      if (std::find(out->csg_ids.begin(), out->csg_ids.end(), id) != out->csg_ids.end()) {
        problems->Add(at, "is listed twice");
      }
      out->csg_ids.push_back(id);
    }
  }
  object.List<AccessMode>("access_modes", Names<AccessMode>(), &out->access_modes);
  if (object.Find("same_csg") != nullptr) {
    bool same = true;
    object.Bool("same_csg", &same);
    out->same_csg = same;
  }
  object.RefuseUnknown();
}

Rule ReadRule(const Json& value, const std::string& path, Problems* problems) {
  Rule rule;
  JsonObject object(&value, path, problems);
  object.Require("id");
  object.Text<std::string>("id", ParseLabel, &rule.id);
  ReadMatch(object.Object("match"), problems, &rule.match);
  object.List<Method>("methods", Names<Method>(), &rule.methods);
  object.List<FailureKind>("fallback_on", Names<FailureKind>(), &rule.fallback_on);
  object.List<Suite>("suites", ParseSuite, &rule.suites);
  object.Text<Mode>("mode", Names<Mode>(), &rule.mode);
  if (object.Find("revocation") != nullptr) rule.revocation = ReadRevocation(object.Object("revocation"), problems);
  object.Text<absl::Duration>("max_sa_age", ParseDuration, &rule.max_sa_age);
  std::uint64_t window = rule.replay_window;
  object.Number("replay_window", 0, std::numeric_limits<std::uint32_t>::max(), &window);
  rule.replay_window = static_cast<std::uint32_t>(window);
  object.RefuseUnknown();
  return rule;
}

LateBinding ReadLateBinding(JsonObject object) {
  LateBinding out;
  object.Text<common::SpkiHash>("root_spki", common::SpkiHash::ParseHex, &out.root_spki);
  object.Text<std::string>("root_subject", ParsePrintable, &out.root_subject);
  object.RefuseUnknown();
  return out;
}

Backhaul ReadBackhaul(JsonObject object) {
  Backhaul out;
  object.Bool("trusted", &out.trusted);
  object.Text<std::string>("interface", ParseInterface, &out.interface);
  object.RefuseUnknown();
  return out;
}

Policy ReadFields(const Json& tree, Problems* problems) {
  Policy policy;
  JsonObject object(&tree, "", problems);
  for (const char* field : {"schema", "operator", "audience", "version", "not_before", "not_after", "rules"}) {
    object.Require(field);
  }
  std::uint64_t schema = Policy::kSchema;
  object.Number("schema", Policy::kSchema, Policy::kSchema, &schema);
  object.Text<std::string>("operator", ParsePrintable, &policy.operator_name);
  object.List<IdPattern>("audience", IdPattern::Parse, &policy.audience);
  object.Number("version", 1, std::numeric_limits<std::uint64_t>::max(), &policy.version);
  object.Text<absl::Time>("not_before", ParseTimestamp, &policy.not_before);
  object.Text<absl::Time>("not_after", ParseTimestamp, &policy.not_after);
  if (const Json* rules = object.Items("rules"); rules != nullptr) {
    for (std::size_t i = 0; i < rules->size(); ++i) {
      policy.rules.push_back(ReadRule((*rules)[i], common::StrCat("rules[", i, "]"), problems));
    }
  }
  if (object.Find("enrolment") != nullptr) policy.enrolment = ReadEnrolment(object.Object("enrolment"));
  if (object.Find("revocation_default") != nullptr) {
    policy.revocation_default = ReadRevocation(object.Object("revocation_default"), problems);
  }
  policy.backhaul = ReadBackhaul(object.Object("backhaul"));
  object.RefuseUnknown();
  return policy;
}

}  // namespace

absl::StatusOr<std::string> ParsePrintable(std::string_view text) {
  const bool fine =
      !text.empty() && text.size() <= 200 && common::Quoted(text, 200) == common::StrCat("\"", text, "\"");
  if (fine) return std::string(text);
  return absl::InvalidArgumentError(
      common::StrCat(common::Quoted(text), " is not 1 to 200 printable ASCII characters without quotes"));
}

Enrolment ReadEnrolment(JsonObject object) {
  Enrolment out;
  // Where the NEM asks the RA/CA, devices need not know it.
  if (object.Find("nem_url") == nullptr) {
    object.Require("server_url");
    object.Require("recipient");
  }
  object.Text<std::string>("server_url", ParsePrintable, &out.server_url);
  object.Text<std::string>("recipient", ParsePrintable, &out.recipient);
  object.Text<Transport>("transport", Names<Transport>(), &out.transport);
  object.Bool("require_pkiconf", &out.require_pkiconf);
  object.Bool("allow_implicit_confirm", &out.allow_implicit_confirm);
  object.Text<EnrolmentCredential>("credential", Names<EnrolmentCredential>(), &out.credential);
  object.List<common::SpkiHash>("pinned_roots", common::SpkiHash::ParseHex, &out.pinned_roots);
  object.Text<std::string>("nem_url", ParsePrintable, &out.nem_url);
  object.Text<common::IpAddress>("nem_address", common::IpAddress::Parse, &out.nem_address);
  object.Text<NemTrust>("nem_trust", Names<NemTrust>(), &out.nem_trust);
  if (object.Find("late_binding") != nullptr) out.late_binding = ReadLateBinding(object.Object("late_binding"));
  object.RefuseUnknown();
  return out;
}

PolicyReading ReadPolicy(std::string_view json) {
  PolicyReading out;
  const auto tree = ParseJsonObject(json);
  if (!tree.ok()) {
    out.problems.Add("", common::ToStd(tree.status().message()));
    return out;
  }
  Policy policy = ReadFields(*tree, &out.problems);
  // What could not be read can't be judged: messages about values that nobody wrote would only confuse.
  if (!out.problems.has_errors()) Validate(policy, &out.problems);
  if (!out.problems.has_errors()) out.policy = std::move(policy);
  return out;
}

absl::StatusOr<Policy> LoadPolicy(std::string_view json) {
  PolicyReading reading = ReadPolicy(json);
  RETURN_IF_ERROR(reading.problems.status());
  return *std::move(reading.policy);
}

}  // namespace henb::policy
