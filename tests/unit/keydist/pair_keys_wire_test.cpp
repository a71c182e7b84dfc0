// The hand-written wire format against the generated classes.
#include "keydist-server/rpc/pair_keys_wire.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <grpcpp/support/slice.h>

#include "henb/keydist/v1/keydist.pb.h"
#include "tests/unit/keydist/service_fixture.h"

namespace henb::keydist::test {
namespace {

class WireTest : public ServiceFixture {
 protected:
  v1::GetPairKeysResponse Ask(const v1::GetPairKeysRequest& request) {
    const std::string octets = request.SerializeAsString();
    rpc::PairKeysQuery query;
    EXPECT_TRUE(rpc::ReadPairKeysQuery(octets, &query).ok());
    service::Decision decision;
    EXPECT_TRUE(service.Decide(Caller("a.example"), query.peers(), &decision).ok());
    const grpc::Slice slice = rpc::WritePairKeysAnswer("a.example", query, decision);
    v1::GetPairKeysResponse response;
    EXPECT_TRUE(response.ParseFromArray(slice.begin(), static_cast<int>(slice.size())));
    // Canonical: the generated classes write the same octets.
    EXPECT_EQ(response.SerializeAsString(), std::string(slice.begin(), slice.end()));
    return response;
  }
  std::string Key(std::string_view peer, std::uint32_t generation, bool next) {
    const auto active = service.epochs().active();
    std::array<std::uint8_t, 32> key;
    const auto& epoch = next ? active->next : active->current;
    epoch->keys->Derive({"a.example", 1}, {peer, generation}, domain::Purpose::kIkePsk, key);
    return {key.begin(), key.end()};
  }
};

TEST_F(WireTest, AnswersAsTheGeneratedClassesReadThem) {
  Add("a.example", {"x"});
  Add("b.example", {"x"});
  Add("c.example", {"x"});
  Add(std::string(63, 'd') + "." + std::string(63, 'd') + "." + std::string(63, 'd') + ".example", {"x"});
  ASSERT_TRUE(desk.Rotate(Id("b.example")).ok());
  ASSERT_TRUE(desk.Suspend(Id("c.example")).ok());
  ASSERT_TRUE(desk.AdvanceEpoch(absl::Seconds(90)).ok());
  ASSERT_TRUE(
      service
          .Register(Caller("b.example"),
                    {.x2_addresses = {"10.0.0.1", "2001:db8::1"}, .cmpv2 = true, .anchors = {Anchor()}, .boot_id = ""})
          .ok());
  clock.Advance(absl::Milliseconds(400));
  v1::GetPairKeysRequest request;
  request.set_purpose(v1::IKE_PSK);
  for (const char* peer : {"b.example", "c.example", "nobody.example"}) request.add_peers(peer);
  request.add_peers(std::string(63, 'd') + "." + std::string(63, 'd') + "." + std::string(63, 'd') + ".example");
  const v1::GetPairKeysResponse response = Ask(request);
  ASSERT_EQ(response.results_size(), 4);
  const v1::PairKeys& b = response.results(0).keys();
  EXPECT_EQ(response.results(0).peer(), "b.example");
  EXPECT_EQ(b.current().epoch(), 1U);
  EXPECT_EQ(b.current().gen_local(), 1U);
  EXPECT_EQ(b.current().gen_peer(), 2U);
  EXPECT_EQ(b.current().key(), Key("b.example", 2, false));
  EXPECT_EQ(b.current().activate_in_s(), 0U);
  EXPECT_EQ(b.current().expire_in_s(), 2U * 3600 + 89) << "rounded down: never used after its time";
  EXPECT_EQ(b.next().epoch(), 2U);
  EXPECT_EQ(b.next().key(), Key("b.example", 2, true));
  EXPECT_EQ(b.next().activate_in_s(), 90U) << "rounded up: never used before its time";
  EXPECT_THAT(b.peer_facts().x2_addresses(), ::testing::ElementsAre("10.0.0.1", "2001:db8::1"));
  EXPECT_TRUE(b.peer_facts().cmpv2());
  EXPECT_EQ(b.peer_facts().anchor_spki_sha256(0), std::string(Anchor().bytes()));
  EXPECT_EQ(response.results(1).denial(), v1::SUSPENDED);
  EXPECT_EQ(response.results(2).denial(), v1::NOT_ALLOWED);
  EXPECT_EQ(response.results(3).keys().current().key().size(), 32U);
}

TEST_F(WireTest, EverySizeOfABatch) {
  Add("a.example", {"x"});
  for (int i = 0; i < 64; ++i) Add("h" + std::to_string(i) + ".example", {"x"});
  for (int count : {1, 2, 31, 64}) {
    v1::GetPairKeysRequest request;
    request.set_purpose(v1::PPK);
    for (int i = 0; i < count; ++i) request.add_peers("h" + std::to_string(i) + ".example");
    EXPECT_EQ(Ask(request).results_size(), count);
  }
}

TEST_F(WireTest, ReadsWhatTheGeneratedClassesWriteAndSkipsUnknownFields) {
  v1::GetPairKeysRequest request;
  request.add_peers("b.example");
  request.add_peers("c.example");
  request.set_purpose(v1::PPK);
  const std::string unknown = "\x1a\x03xyz\x20\x07\x2d\x01\x02\x03\x04";  // Fields 3, 4 and 5 of a later release.
  const std::string octets = unknown + request.SerializeAsString() + unknown;
  rpc::PairKeysQuery query;
  ASSERT_TRUE(rpc::ReadPairKeysQuery(octets, &query).ok());
  ASSERT_EQ(query.count, 2U);
  EXPECT_EQ(query.names[1], "c.example");
  EXPECT_EQ(query.purpose, domain::Purpose::kPpk);
}

TEST_F(WireTest, RefusesMalformedRequests) {
  v1::GetPairKeysRequest good;
  good.add_peers("b.example");
  good.set_purpose(v1::IKE_PSK);
  const std::string octets = good.SerializeAsString();
  rpc::PairKeysQuery query;
  const auto code = [&](const std::string& text) { return rpc::ReadPairKeysQuery(text, &query).code(); };
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(code(octets), absl::StatusCode::kOk);
  EXPECT_EQ(code(""), kInvalid);
  EXPECT_EQ(code("\x0a\xff\xff\xff\xff\x0f"), kInvalid) << "a length beyond the end";
  EXPECT_EQ(code("\x0a\x7f"
                 "b.example"),
            kInvalid);
  EXPECT_EQ(code(octets + "\x0a"), kInvalid);
  EXPECT_EQ(code(octets + std::string(1, '\0')), kInvalid);
  EXPECT_EQ(code(octets + "\x13"), kInvalid) << "a group that never ends";
  for (std::size_t cut = 1; cut < octets.size() - 1; ++cut) EXPECT_EQ(code(octets.substr(0, cut)), kInvalid) << cut;
  good.clear_purpose();
  EXPECT_EQ(code(good.SerializeAsString()), kInvalid);
  good.set_purpose(static_cast<v1::Purpose>(3));
  EXPECT_EQ(code(good.SerializeAsString()), kInvalid);
  good.set_purpose(v1::IKE_PSK);
  good.add_peers(std::string(201, 'a'));
  EXPECT_EQ(code(good.SerializeAsString()), kInvalid);
  good.clear_peers();
  for (int i = 0; i < 65; ++i) good.add_peers("b.example");
  EXPECT_EQ(code(good.SerializeAsString()), kInvalid);
}

}  // namespace
}  // namespace henb::keydist::test
