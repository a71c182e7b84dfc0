#include "policy/schema.h"

#include <nlohmann/json.hpp>

#include "policy/names.h"

namespace henb::policy {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kId = "([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";

Json Described(Json type, const char* what) {
  type["description"] = what;
  return type;
}

Json Text(const char* what, const std::string& pattern = "") {
  Json out = {{"type", "string"}, {"minLength", 1}};
  if (!pattern.empty()) out["pattern"] = pattern;
  return Described(out, what);
}

Json Boolean(const char* what, bool by_default) {
  return {{"type", "boolean"}, {"default", by_default}, {"description", what}};
}

Json Number(const char* what, std::uint64_t least, std::uint64_t most) {
  return {{"type", "integer"}, {"minimum", least}, {"maximum", most}, {"description", what}};
}

template <typename Names>
Json OneOf(const Names& names) {
  Json out = {{"type", "string"}, {"enum", Json::array()}};
  for (const auto& name : names) out["enum"].push_back(name);
  return out;
}

Json List(Json items, const char* what) {
  return {
      {"type", "array"}, {"minItems", 1}, {"uniqueItems", true}, {"items", std::move(items)}, {"description", what}};
}

Json Object(Json properties, Json required, const char* what) {
  Json out = {{"type", "object"}, {"additionalProperties", false}, {"description", what}};
  if (!required.empty()) out["required"] = std::move(required);
  out["properties"] = std::move(properties);
  return out;
}

Json Pattern() {
  return Text("HeNB id, or *.site.example for every id below it", std::string("^(\\*\\.)?") + kId + "$");
}
Json Duration(const char* what) { return Text(what, "^([0-9]+(\\.[0-9]+)?(h|m|s|ms|us|ns))+$"); }
Json Time(const char* what) {
  Json out = Text(what);
  out["format"] = "date-time";
  return out;
}

Json RevocationSchema(const char* what) {
  return Object({{"mode", OneOf(AllNames<RevocationMode>())}, {"grace", Duration("with GRACE only; absent: 24h")}},
                Json::array({"mode"}), what);
}

Json MatchSchema() {
  Json match;
  match["neighbours"] = List(Pattern(), "identities");
  match["kinds"] = List(OneOf(AllNames<Kind>()), "what the neighbour is");
  match["interfaces"] = List(Text("name of an interface", "^[^ /\"\\\\]{1,15}$"), "the one it is reached through");
  match["networks"] = List(Text("CIDR"), "every X2 address lies in one; of a BLOCK rule: any address does");
  match["issuers"] = List(Text("SHA-256 of SubjectPublicKeyInfo", "^[0-9a-f]{64}$"), "trust anchor of its certificate");
  match["csg_ids"] = List(Number("CSG id", 0, (1U << 27) - 1), "the neighbour's");
  match["access_modes"] = List(OneOf(AllNames<AccessMode>()), "the neighbour's");
  match["same_csg"] = {{"type", "boolean"}, {"description", "its CSG id equals (false: differs from) this HeNB's"}};
  return Object(match, Json::array(), "joined by AND; absent means any");
}

Json SuiteNames() {
  Json out = Json::array();
  for (const Suite suite : DefaultSuites()) out.push_back(SuiteName(suite));
  return out;
}

Json RuleSchema() {
  Json rule;
  rule["id"] = Text("unique", "^[A-Za-z0-9._-]{1,64}$");
  rule["match"] = MatchSchema();
  rule["methods"] = List(OneOf(AllNames<Method>()),
                         "in order of preference; absent: CERT_SAME_CA, CERT_ENROLLED; TRUSTED and BLOCK stand alone");
  rule["fallback_on"] = List(OneOf(AllNames<FailureKind>()), "failures that move on to the next method; absent: none");
  rule["suites"] = List({{"type", "string"}, {"enum", SuiteNames()}}, "absent: all of them");
  rule["mode"] = Described(OneOf(AllNames<Mode>()), "absent: TUNNEL");
  rule["revocation"] = RevocationSchema("absent: revocation_default");
  rule["max_sa_age"] = Duration("since the last authentication, 2m to 720h; absent: 24h");
  rule["replay_window"] = Number("packets; absent: 2048", 1, 4096);
  return Object(rule, Json::array({"id"}), "the first rule that matches decides");
}

Json EnrolmentSchema() {
  Json enrolment;
  enrolment["server_url"] = Text("http(s)://host[:port][/path] of the RA/CA", "^https?://");
  enrolment["recipient"] = Text("its subject DN, /O=…/CN=…", "^/");
  enrolment["transport"] = Described(OneOf(AllNames<Transport>()), "absent: BACKHAUL");
  enrolment["require_pkiconf"] = Boolean("a certificate without pkiConf is not used", true);
  enrolment["allow_implicit_confirm"] = Boolean("", false);
  enrolment["credential"] =
      Described(OneOf(AllNames<EnrolmentCredential>()), "what protects the first request; absent: VENDOR_CERTIFICATE");
  enrolment["pinned_roots"] = List(Text("SHA-256 of SubjectPublicKeyInfo", "^[0-9a-f]{64}$"),
                                   "operator roots that may be taken from the answer; absent: none");
  enrolment["late_binding"] =
      Object({{"root_spki", Text("SHA-256 of SubjectPublicKeyInfo", "^[0-9a-f]{64}$")},
              {"root_subject", Text("its subject DN, /O=…/CN=…", "^/")}},
             Json::array(),
             "the operator's root, taken where the vendor root's cross-certificate leads to it; "
             "one of the two names it");
  enrolment["nem_url"] =
      Text("https://host[:port] of the NEM that devices enrol through; absent: at the RA/CA", "^https://");
  enrolment["nem_address"] = Text("IP address of its host, where that is a name");
  enrolment["nem_trust"] =
      Described(OneOf(AllNames<NemTrust>()), "whose root its TLS certificate ends at; absent: OPERATOR_ROOT");
  Json out = Object(enrolment, Json::array(), "absent: no device enrols");
  out["anyOf"] = {{{"required", {"server_url", "recipient"}}}, {{"required", {"nem_url"}}}};
  return out;
}

}  // namespace

std::string PolicySchema() {
  Json policy;
  policy["schema"] = Number("format of this file", Policy::kSchema, Policy::kSchema);
  policy["operator"] = Text("that the devices were provisioned for");
  policy["audience"] = List(Pattern(), "devices it is meant for");
  policy["version"] = Number("only goes up", 1, ~std::uint64_t{0});
  policy["not_before"] = Time("RFC 3339");
  policy["not_after"] = Time("RFC 3339");
  policy["rules"] = {{"type", "array"}, {"minItems", 1}, {"items", RuleSchema()}};
  policy["enrolment"] = EnrolmentSchema();
  policy["revocation_default"] = RevocationSchema("absent: GRACE, 24h");
  policy["backhaul"] = Object({{"trusted", Boolean("key distribution may leave outside IPsec", false)},
                               {"interface", Text("required with trusted")}},
                              Json::array(), "");
  Json out = Object(policy, {"schema", "operator", "audience", "version", "not_before", "not_after", "rules"},
                    "how each X2 link of a HeNB is secured");
  Json schema;
  schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  schema["title"] = "henb.policy.v1.Policy";
  schema.update(out);
  return schema.dump(2) + "\n";
}

}  // namespace henb::policy
