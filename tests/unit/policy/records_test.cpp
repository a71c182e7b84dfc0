// Neighbour records, a device's description, facts and how they merge; explain, schema and diff.
#include "policy/records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/file.h"
#include "henb/policy/v1/policy.pb.h"
#include "policy/diff.h"
#include "policy/explain.h"
#include "policy/names.h"
#include "policy/schema.h"
#include "tests/unit/policy/fixtures.h"

namespace henb::policy::test {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

std::string Message(const absl::Status& status) {
  return std::string(status.message().data(), status.message().size());
}
std::string Example(const std::string& name) {
  return common::ReadFile(X2_SOURCE_DIR "/docs/examples/" + name).value();
}

TEST(NeighbourRecord, ReadsAndWritesEveryField) {
  const auto record = ReadNeighbourRecord(Example("neighbour.json"));
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->kind, Kind::kHenb);
  EXPECT_EQ(record->cmpv2, false);
  EXPECT_EQ(record->psk, true);
  EXPECT_EQ(record->csg_id, 17U);
  EXPECT_EQ(record->access_mode, AccessMode::kClosed);
  const auto again = ReadNeighbourRecord(WriteNeighbourRecord(*record));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, *record);
}

TEST(NeighbourRecord, AbsentAndNullAreNotKnown) {
  const auto record = ReadNeighbourRecord(R"({"id":"henb-b.x","kind":null,"capabilities":{"psk":null}})");
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_FALSE(record->kind.has_value());
  EXPECT_FALSE(record->psk.has_value());
  EXPECT_FALSE(FactsOf(*record, Source::kOam).x2_addresses.known());
}

TEST(NeighbourRecord, RefusesWithThePath) {
  const auto says = [](std::string_view json) { return Message(ReadNeighbourRecord(json).status()); };
  EXPECT_THAT(says("{}"), HasSubstr("id: is missing"));
  EXPECT_THAT(says(R"({"id":"B.x"})"), HasSubstr("id: "));
  EXPECT_THAT(says(R"({"id":"b.x","x2c_addresses":["10.0.0.1","10.0.0"]})"),
              HasSubstr("x2c_addresses[1]: \"10.0.0\" is not an IP address"));
  EXPECT_THAT(says(R"({"id":"b.x","capabilities":{"psk":1}})"),
              HasSubstr("capabilities.psk: true or false is expected, not a whole number"));
  EXPECT_THAT(says(R"({"id":"b.x","capabilities":{"ppk":true}})"), HasSubstr("capabilities.ppk: unknown field"));
  EXPECT_THAT(says(R"({"id":"b.x","source":"OAM"})"), HasSubstr("source: unknown field"));
  EXPECT_THAT(says(R"({"id":"b.x","interface":"a b"})"), HasSubstr("interface: "));
  EXPECT_THAT(says(R"({"id":"b.x","csg_id":134217728})"), HasSubstr("csg_id: 134217728 is not from 0 to 134217727"));
}

TEST(Facts, StrongerSourcesWin) {
  NeighbourRecord claimed;
  claimed.id = Id(kPeerId);
  claimed.psk = false;
  claimed.cmpv2 = true;
  NeighbourRecord said = claimed;
  said.psk = true;
  said.cmpv2.reset();
  NeighbourFacts facts = FactsOf(claimed, Source::kUnverified);
  Merge(&facts, FactsOf(said, Source::kOam));
  EXPECT_EQ(facts.psk.value, true);
  EXPECT_EQ(facts.psk.source, Source::kOam);
  EXPECT_EQ(facts.cmpv2.source, Source::kUnverified);
  EXPECT_EQ(facts.id_source, Source::kOam);
  Merge(&facts, FactsOf(claimed, Source::kKeydist));
  EXPECT_EQ(facts.psk.value, true);
}

TEST(Self, ReadsTheExampleAndRefusesWithThePath) {
  const auto facts = ReadSelf(Example("self.json"));
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->self.csg_id, 17U);
  EXPECT_THAT(Message(ReadSelf(R"({"id":"a.x","failures":[{"method":"PSK","kind":"BAD"}]})").status()),
              HasSubstr("failures[0].kind: \"BAD\" is none of"));
  EXPECT_THAT(Message(ReadSelf(R"({"id":"a.x","health":{"clock":true}})").status()),
              HasSubstr("health.clock: unknown field"));
}

TEST(Explain, HasTheFieldsOfMessages) {
  Rule wire = TrustedRule();
  wire.match.interfaces = {"eth9"};
  const Policy policy = PolicyOf({wire, RuleOf("any", {Method::kCertSameCa, Method::kCertEnrolled})});
  Facts facts = SomeFacts();
  facts.neighbour.issuers.value = {kOtherAnchor};
  const Json out = Json::parse(ExplainJson(&policy, facts, Decide(&policy, facts)));
  EXPECT_EQ(out["neighbour"], kPeerId);
  EXPECT_EQ(out["policy_version"], 7);
  EXPECT_EQ(out["outcome"], "ENROL");
  EXPECT_EQ(out["waiting_for"], "SELF");
  EXPECT_EQ(out["rule"], "any");
  EXPECT_TRUE(out["reason"].is_string());
  ASSERT_EQ(out["trace"].size(), 2U);
  EXPECT_EQ(out["trace"][0],
            Json::parse(R"({"rule":"wire","matched":false,"first_failed_field":"interfaces","methods":[]})"));
  EXPECT_EQ(out["trace"][1]["first_failed_field"], nullptr);
  EXPECT_EQ(out["trace"][1]["methods"][0]["method"], "CERT_SAME_CA");
  EXPECT_EQ(out["trace"][1]["methods"][0]["taken"], false);
  EXPECT_EQ(out["trace"][1]["methods"][1]["taken"], true);
  for (const Json& fact : out["facts"]) EXPECT_EQ(fact.size(), 3U) << fact;
  EXPECT_THAT(ExplainText(&policy, facts, Decide(&policy, facts)), HasSubstr("ENROL (waiting for SELF), rule any"));
  const Json none = Json::parse(ExplainJson(nullptr, facts, Decide(nullptr, facts)));
  EXPECT_EQ(none["outcome"], "BLOCK");
  EXPECT_EQ(none["rule"], nullptr);
  EXPECT_EQ(none["waiting_for"], nullptr);
}

// proto/ is the one place where fields are defined: the schema, which follows the reader, must know the same ones.
void SameFields(const google::protobuf::Descriptor* message, const Json& schema) {
  SCOPED_TRACE(message->full_name());
  const Json& properties = schema.at("properties");
  EXPECT_EQ(static_cast<std::size_t>(message->field_count()), properties.size());
  for (int i = 0; i < message->field_count(); ++i) {
    const auto* field = message->field(i);
    ASSERT_TRUE(properties.contains(field->name())) << field->name();
    const Json& property = properties.at(field->name());
    const Json& one = field->is_repeated() ? property.at("items") : property;
    if (field->enum_type() != nullptr) {
      std::vector<std::string> names;
      for (int k = 1; k < field->enum_type()->value_count(); ++k) names.push_back(field->enum_type()->value(k)->name());
      EXPECT_EQ(one.at("enum").get<std::vector<std::string>>(), names) << field->name();
    } else if (field->message_type() != nullptr && one.contains("properties")) {
      SameFields(field->message_type(), one);
    }
  }
}

TEST(Schema, KnowsTheFieldsOfTheProto) {
  SameFields(henb::policy::v1::Policy::descriptor(), Json::parse(PolicySchema()));
}

TEST(Names, AreThoseOfTheProto) {
  for (int i = 1; i < henb::policy::v1::Suite_descriptor()->value_count(); ++i) {
    EXPECT_EQ(SuiteName(static_cast<Suite>(i)), henb::policy::v1::Suite_descriptor()->value(i)->name());
  }
  for (int i = 1; i < henb::policy::v1::FailureKind_descriptor()->value_count(); ++i) {
    EXPECT_EQ(Name(static_cast<FailureKind>(i)), henb::policy::v1::FailureKind_descriptor()->value(i)->name());
  }
}

TEST(Diff, SaysWhatChangedByRule) {
  Json before = Json::parse(Example("site.json"));
  Json after = before;
  after["version"] = 13;
  after["rules"].erase(5);
  after["rules"][1]["match"]["networks"] = {"10.9.6.0/24"};
  std::swap(after["rules"][0], after["rules"][3]);
  after["rules"].push_back({{"id", "new"}, {"match", {{"kinds", {"HENB"}}}}});
  const auto differences = DiffPolicies(before.dump(), after.dump());
  ASSERT_TRUE(differences.ok()) << differences.status();
  std::vector<std::string> lines;
  for (const Difference& d : *differences) lines.push_back(d.path + " " + std::string(Name(d.change)));
  EXPECT_THAT(lines, ::testing::UnorderedElementsAre("version CHANGED", "rules[open] REMOVED", "rules[new] ADDED",
                                                     "rules[no-cmp] MOVED", "rules[barred] MOVED",
                                                     "rules[wire-in-the-cabinet].match.networks CHANGED"));
  EXPECT_TRUE(DiffPolicies(before.dump(), before.dump())->empty());
  EXPECT_FALSE(DiffPolicies(before.dump(), "{}").ok());
}

}  // namespace
}  // namespace henb::policy::test
