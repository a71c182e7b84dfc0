#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/file.h"
#include "henb-x2sec/app/links/neighbour_store.h"
#include "henb-x2sec/app/links/reqid_store.h"
#include "policy/records.h"
#include "tests/support/temp_directory.h"

namespace henb::x2sec::app {
namespace {

using common::HenbId;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

HenbId Id(std::string_view text) { return *HenbId::Parse(text); }

class ReqidStoreTest : public ::testing::Test {
 protected:
  absl::StatusOr<ReqidStore> Open(std::optional<int> reserved = 100) { return ReqidStore::Open(path_, reserved); }
  absl::Status Damaged(std::string_view text) {
    EXPECT_TRUE(common::WriteFileAtomically(path_, text).ok());
    return Open().status();
  }
  tests::TempDirectory directory_;
  std::string path_ = directory_.File("reqids.json");
};

TEST_F(ReqidStoreTest, ANeighbourKeepsItsReqidAcrossRestarts) {
  auto store = Open();
  ASSERT_TRUE(store.ok()) << store.status();
  const int b = *store->For(Id("b.example"));
  const int c = *store->For(Id("c.example"));
  EXPECT_NE(b, c);
  EXPECT_EQ(*store->For(Id("b.example")), b);
  auto again = Open();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again->For(Id("c.example")), c);
  EXPECT_EQ(*again->For(Id("b.example")), b);
  EXPECT_THAT(again->All(), ElementsAre(std::min(b, c), std::max(b, c)));
}

TEST_F(ReqidStoreTest, NeverGivesTheBackhaulsAndEndsWhenAllAreGiven) {
  nlohmann::json reqids;
  for (int i = 1; i <= 16379; ++i) {
    if (i != 100 && i != 200) reqids["n" + std::to_string(i) + ".example"] = i;
  }
  ASSERT_TRUE(common::WriteFileAtomically(path_, nlohmann::json{{"reqids", reqids}}.dump()).ok());
  auto store = Open();
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ(*store->For(Id("last.example")), 200);
  EXPECT_EQ(store->For(Id("more.example")).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(ReqidStoreTest, RefusesADamagedFileWithThePlace) {
  EXPECT_THAT(Damaged("{").ToString(), HasSubstr("not JSON"));
  EXPECT_THAT(Damaged("[]").ToString(), HasSubstr("reqids.json"));
  EXPECT_THAT(Damaged(R"({"reqids": {"b.example": 0}})").ToString(), HasSubstr("reqids[\"b.example\"]"));
  EXPECT_THAT(Damaged(R"({"reqids": {"b.example": 1.5}})").ToString(), HasSubstr("whole number"));
  EXPECT_THAT(Damaged(R"({"reqids": {"B": 1}})").ToString(), HasSubstr("reqids[\"B\"]"));
  EXPECT_THAT(Damaged(R"({"reqids": {"b.example": 7, "c.example": 7}})").ToString(), HasSubstr("another neighbour's"));
  EXPECT_THAT(Damaged(R"({"reqids": {"b.example": 100}})").ToString(), HasSubstr("backhaul.reqid"));
  EXPECT_EQ(Damaged(R"({"reqids": {}, "x": 1})").code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ReqidStoreTest, GivesNothingThatItCannotKeep) {
  auto store = ReqidStore::Open(directory_.File("missing/reqids.json"), std::nullopt);
  ASSERT_TRUE(store.ok());
  EXPECT_FALSE(store->For(Id("b.example")).ok());
  EXPECT_TRUE(store->All().empty());
}

class NeighbourStoreTest : public ::testing::Test {
 protected:
  static policy::NeighbourRecord Record(std::string_view json) {
    auto record = policy::ReadNeighbourRecord(json);
    EXPECT_TRUE(record.ok()) << record.status();
    return *record;
  }
  absl::StatusOr<NeighbourStore> Open() { return NeighbourStore::Open(path_); }
  tests::TempDirectory directory_;
  std::string path_ = directory_.File("neighbours.json");
  const policy::NeighbourRecord b_ = Record(
      R"({"id":"b.example","kind":"HENB","x2c_addresses":["10.0.0.2"],"capabilities":{"cmpv2":true,"psk":false}})");
  const policy::NeighbourRecord c_ = Record(R"({"id":"c.example","x2u_addresses":["2001:db8::3"],"interface":"lan0"})");
};

TEST_F(NeighbourStoreTest, OamsRecordsSurviveARestartAndReportedOnesDoNot) {
  auto store = Open();
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE(store->Put(b_).ok());
  store->Report(c_);
  EXPECT_THAT(store->Ids(), ElementsAre(Id("b.example"), Id("c.example")));
  auto again = Open();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_THAT(again->Ids(), ElementsAre(Id("b.example")));
  EXPECT_EQ(*again->RecordOf(Id("b.example")), b_);
}

TEST_F(NeighbourStoreTest, TheStrongerSourceWins) {
  auto store = Open();
  ASSERT_TRUE(store.ok());
  store->Report(Record(R"({"id":"b.example","kind":"ENB","x2c_addresses":["10.9.9.9"],"interface":"evil0"})"));
  policy::NeighbourFacts told;
  told.id = Id("b.example");
  told.cmpv2 = {false, policy::Source::kKeydist};
  store->LearnFromKeydist(told.id, told);
  EXPECT_EQ(store->FactsOf(told.id).kind.value, policy::Kind::kEnb);
  EXPECT_EQ(store->FactsOf(told.id).kind.source, policy::Source::kUnverified);
  EXPECT_EQ(store->FactsOf(told.id).cmpv2.source, policy::Source::kKeydist);
  ASSERT_TRUE(store->Put(b_).ok());
  const policy::NeighbourFacts facts = store->FactsOf(told.id);
  EXPECT_EQ(facts.id_source, policy::Source::kOam);
  EXPECT_EQ(facts.kind.value, policy::Kind::kHenb);
  EXPECT_EQ(facts.kind.source, policy::Source::kOam);
  EXPECT_EQ(facts.cmpv2.value, true);
  EXPECT_EQ(facts.interface.source, policy::Source::kUnverified);
  EXPECT_EQ(store->RecordOf(told.id)->x2c_addresses.front().ToString(), "10.0.0.2");
}

TEST_F(NeighbourStoreTest, KeydistsWordAboutStrangersIsDropped) {
  auto store = Open();
  policy::NeighbourFacts told;
  told.id = Id("x.example");
  told.cmpv2 = {true, policy::Source::kKeydist};
  store->LearnFromKeydist(told.id, told);
  EXPECT_FALSE(store->FactsOf(told.id).cmpv2.known());
  EXPECT_FALSE(store->Knows(told.id));
}

TEST_F(NeighbourStoreTest, ReplaceIsAllOrNothing) {
  auto store = Open();
  ASSERT_TRUE(store->Put(b_).ok());
  EXPECT_EQ(store->Replace({c_, c_}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(store->Ids(), ElementsAre(Id("b.example")));
  ASSERT_TRUE(store->Replace({c_}).ok());
  EXPECT_THAT(store->Ids(), ElementsAre(Id("c.example")));
  EXPECT_THAT(Open()->Ids(), ElementsAre(Id("c.example")));
  EXPECT_EQ(store->Remove(Id("b.example")).code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(store->Remove(Id("c.example")).ok());
  EXPECT_TRUE(Open()->Ids().empty());
}

TEST_F(NeighbourStoreTest, WhatCannotBeKeptChangesNothing) {
  auto store = NeighbourStore::Open(directory_.File("missing/neighbours.json"));
  ASSERT_TRUE(store.ok());
  EXPECT_FALSE(store->Put(b_).ok());
  EXPECT_FALSE(store->Knows(b_.id));
}

TEST_F(NeighbourStoreTest, ListsRecordsWithTheirSource) {
  auto store = Open();
  ASSERT_TRUE(store->Put(b_).ok());
  store->Report(c_);
  const std::vector<std::string> json = store->ToJson();
  ASSERT_EQ(json.size(), 2U);
  EXPECT_EQ(nlohmann::json::parse(json[0])["source"], "OAM");
  EXPECT_EQ(nlohmann::json::parse(json[0])["capabilities"]["cmpv2"], true);
  EXPECT_EQ(nlohmann::json::parse(json[1])["source"], "UNVERIFIED");
}

TEST_F(NeighbourStoreTest, RefusesADamagedFileWithThePlace) {
  ASSERT_TRUE(common::WriteFileAtomically(path_, R"({"neighbours": [{"id": "b.example"}, {"id": "b.example"}]})").ok());
  EXPECT_THAT(Open().status().ToString(), HasSubstr("neighbours[1]"));
  ASSERT_TRUE(common::WriteFileAtomically(path_, R"({"neighbours": [{"id": "b.example", "colour": 1}]})").ok());
  EXPECT_THAT(Open().status().ToString(), HasSubstr("neighbours[0]"));
}

}  // namespace
}  // namespace henb::x2sec::app
