// The client: no way back to an older key, and no malformed answer taken.
#include "henb-x2sec/keydist_client/epoch_floor.h"

#include <gtest/gtest.h>

#include "henb-x2sec/keydist_client/wire.h"

namespace henb::x2sec::keydist_client {
namespace {

namespace v1 = henb::keydist::v1;

common::HenbId Id(std::string_view text) { return *common::HenbId::Parse(text); }

core::PairKeys Keys(std::uint64_t epoch, std::uint32_t local = 1, std::uint32_t peer = 1, std::uint64_t next = 0) {
  core::PairKeys keys;
  keys.current.epoch = epoch;
  keys.current.generation_local = local;
  keys.current.generation_peer = peer;
  if (next != 0) keys.next.emplace().epoch = next;
  return keys;
}

TEST(EpochFloor, R47RefusesAnOlderEpochOfTheSamePair) {
  EpochFloor floor;
  EXPECT_TRUE(floor.Accept(Id("b.example"), Keys(42)).ok());
  EXPECT_EQ(floor.Accept(Id("b.example"), Keys(41)).code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(floor.Accept(Id("b.example"), Keys(42)).ok());
  EXPECT_TRUE(floor.Accept(Id("b.example"), Keys(43)).ok());
  EXPECT_FALSE(floor.Accept(Id("b.example"), Keys(42)).ok());
  EXPECT_TRUE(floor.Accept(Id("c.example"), Keys(1)).ok()) << "another pair";
}

TEST(EpochFloor, R47RefusesAnOlderGeneration) {
  EpochFloor floor;
  EXPECT_TRUE(floor.Accept(Id("b.example"), Keys(42, 2, 2)).ok());
  EXPECT_FALSE(floor.Accept(Id("b.example"), Keys(43, 1, 2)).ok());
  EXPECT_FALSE(floor.Accept(Id("b.example"), Keys(43, 2, 1)).ok());
  EXPECT_FALSE(floor.Accept(Id("b.example"), Keys(41, 3, 3)).ok()) << "epochs only grow, whatever the generation";
  EXPECT_TRUE(floor.Accept(Id("b.example"), Keys(42, 3, 2)).ok());
}

TEST(EpochFloor, RefusesANextKeyThatDoesNotFollow) {
  EpochFloor floor;
  EXPECT_FALSE(floor.Accept(Id("b.example"), Keys(42, 1, 1, 42)).ok());
  EXPECT_TRUE(floor.Accept(Id("b.example"), Keys(42, 1, 1, 43)).ok());
}

v1::GetPairKeysResponse Answer(const std::string& peer, std::size_t key_size) {
  v1::GetPairKeysResponse response;
  v1::PairResult* result = response.add_results();
  result->set_peer(peer);
  v1::PairKey* key = result->mutable_keys()->mutable_current();
  key->set_epoch(7);
  key->set_key(std::string(key_size, 'k'));
  key->set_expire_in_s(60);
  return response;
}

TEST(ClientWire, R48TheMessagesCopyOfAKeyIsZeroised) {
  v1::GetPairKeysResponse response = Answer("b.example", 32);
  const std::vector<common::HenbId> peers = {Id("b.example")};
  const auto results = TakeResults(peers, &response);
  ASSERT_TRUE(results.ok());
  EXPECT_EQ(std::get<core::PairKeys>(results->at(0).result).current.key.view(), std::string(32, 'k'));
  EXPECT_EQ(response.results(0).keys().current().key(), std::string(32, '\0'));
}

TEST(ClientWire, OnePairsMalformedKeyLeavesTheOthersTheirs) {
  v1::GetPairKeysResponse response = Answer("b.example", 31);
  *response.add_results() = Answer("c.example", 32).results(0);
  const auto results = TakeResults(std::vector{Id("b.example"), Id("c.example")}, &response);
  ASSERT_TRUE(results.ok());
  EXPECT_TRUE(std::holds_alternative<absl::Status>(results->at(0).result));
  EXPECT_TRUE(std::holds_alternative<core::PairKeys>(results->at(1).result));
}

TEST(ClientWire, RefusesAnswersOfTheWrongForm) {
  const std::vector<common::HenbId> peers = {Id("b.example")};
  v1::GetPairKeysResponse other = Answer("c.example", 32);
  EXPECT_EQ(TakeResults(peers, &other).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(other.results(0).keys().current().key(), std::string(32, '\0')) << "zeroised whatever the result";
  v1::GetPairKeysResponse with_short_key = Answer("b.example", 31);
  const auto malformed = TakeResults(peers, &with_short_key);
  ASSERT_TRUE(malformed.ok());
  EXPECT_EQ(std::get<absl::Status>(malformed->at(0).result).code(), absl::StatusCode::kDataLoss);
  v1::GetPairKeysResponse empty;
  EXPECT_FALSE(TakeResults(peers, &empty).ok());
  v1::GetPairKeysResponse unknown_denial;
  unknown_denial.add_results()->set_peer("b.example");
  const auto results = TakeResults(peers, &unknown_denial);
  ASSERT_TRUE(results.ok());
  EXPECT_EQ(std::get<core::KeyDenial>(results->at(0).result), core::KeyDenial::kNotAllowed);
}

}  // namespace
}  // namespace henb::x2sec::keydist_client
