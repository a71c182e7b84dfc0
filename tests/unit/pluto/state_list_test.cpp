#include "henb-x2sec/pluto/state_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixture.h"

namespace henb::x2sec::pluto {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

core::IkeSnapshot StatesOf(const std::string& fixture) {
  auto snapshot = ParseStates(ReplyOf(fixture));
  EXPECT_TRUE(snapshot.ok()) << snapshot.status();
  return snapshot.ok() ? *std::move(snapshot) : core::IkeSnapshot{};
}

WhackReply Lines(const std::vector<std::string>& lines) {
  WhackReply reply;
  for (const std::string& line : lines) reply.lines.push_back({0, line});
  return reply;
}

TEST(StateListTest, ReadsNothingFromAnIdlePluto) {
  const auto snapshot = StatesOf("showstates_empty");
  EXPECT_THAT(snapshot.ike_sas, IsEmpty());
  EXPECT_THAT(snapshot.child_sas, IsEmpty());
}

TEST(StateListTest, ReadsAnEstablishedLink) {
  const auto snapshot = StatesOf("showstates_up_initiator");
  ASSERT_THAT(snapshot.ike_sas, SizeIs(1));
  EXPECT_EQ(snapshot.ike_sas[0].serial, 1U);
  EXPECT_EQ(snapshot.ike_sas[0].connection, "x2-t-0");
  EXPECT_TRUE(snapshot.ike_sas[0].established);
  EXPECT_TRUE(snapshot.ike_sas[0].newest);
  ASSERT_THAT(snapshot.child_sas, SizeIs(1));
  const core::ChildSa& child = snapshot.child_sas[0];
  EXPECT_EQ(child.serial, 2U);
  EXPECT_EQ(child.ike_serial, 1U);
  EXPECT_EQ(child.connection, "x2-t-0");
  EXPECT_TRUE(child.established);
  EXPECT_EQ(child.spi_out, 0x925e8d68U);
  EXPECT_EQ(child.spi_in, 0x3504afabU);
}

TEST(StateListTest, TheTwoEndsSeeEachOthersSpis) {
  const auto initiator = StatesOf("showstates_second_child_initiator");
  const auto responder = StatesOf("showstates_second_child_responder");
  ASSERT_THAT(initiator.child_sas, SizeIs(2));
  ASSERT_THAT(responder.child_sas, SizeIs(2));
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(initiator.child_sas[i].spi_out, responder.child_sas[i].spi_in);
    EXPECT_EQ(initiator.child_sas[i].spi_in, responder.child_sas[i].spi_out);
  }
}

TEST(StateListTest, ReadsSpisThatAreNotPadded) {
  const auto snapshot = StatesOf("showstates_second_child_initiator");
  ASSERT_THAT(snapshot.child_sas, SizeIs(2));
  EXPECT_EQ(snapshot.child_sas[1].spi_out, 0x0f0078b0U);
}

TEST(StateListTest, TellsTheNewIkeSaOfAKeyChange) {  // R20
  for (const char* end : {"initiator", "responder"}) {
    const auto snapshot = StatesOf(common::StrCat("showstates_reauthenticated_", end));
    ASSERT_THAT(snapshot.ike_sas, SizeIs(2)) << end;
    EXPECT_FALSE(snapshot.ike_sas[0].newest);
    EXPECT_TRUE(snapshot.ike_sas[1].newest);
    EXPECT_TRUE(snapshot.ike_sas[1].established);
    ASSERT_THAT(snapshot.child_sas, SizeIs(1));
    EXPECT_EQ(snapshot.child_sas[0].ike_serial, 1U);
  }
}

TEST(StateListTest, TellsTheNewChildOfAKeyChange) {
  const auto snapshot = StatesOf("showstates_second_child_responder");
  ASSERT_THAT(snapshot.child_sas, SizeIs(2));
  EXPECT_FALSE(snapshot.child_sas[0].newest);
  EXPECT_TRUE(snapshot.child_sas[1].newest);
  EXPECT_EQ(snapshot.child_sas[1].ike_serial, 3U);
}

TEST(StateListTest, TellsAnIkeSaThatIsBeingMade) {
  const auto snapshot = StatesOf("showstates_establishing");
  ASSERT_THAT(snapshot.ike_sas, SizeIs(2));
  EXPECT_TRUE(snapshot.ike_sas[0].established);
  EXPECT_FALSE(snapshot.ike_sas[1].established);
  EXPECT_THAT(snapshot.child_sas, SizeIs(2));
}

TEST(StateListTest, ReadsIpv6) {
  const auto snapshot = StatesOf("showstates_ipv6");
  ASSERT_THAT(snapshot.child_sas, SizeIs(1));
  EXPECT_NE(snapshot.child_sas[0].spi_out, 0U);
  EXPECT_NE(snapshot.child_sas[0].spi_in, 0U);
}

TEST(StateListTest, EachEndOfCrossedNegotiationsHasItsOwnNewest) {  // R22
  const auto a = StatesOf("showstates_crossed_a");
  const auto b = StatesOf("showstates_crossed_b");
  ASSERT_THAT(a.child_sas, SizeIs(2));
  ASSERT_THAT(b.child_sas, SizeIs(2));
  EXPECT_TRUE(a.child_sas[0].newest);
  EXPECT_TRUE(b.child_sas[0].newest);
  EXPECT_EQ(a.child_sas[0].spi_in, b.child_sas[1].spi_out);
  EXPECT_EQ(a.child_sas[1].spi_in, b.child_sas[0].spi_out);
}

TEST(StateListTest, TheSurvivorOfAConvergenceIsNotTheNewestEverywhere) {  // R22
  const auto a = StatesOf("showstates_converged_a");
  const auto b = StatesOf("showstates_converged_b");
  ASSERT_THAT(a.ike_sas, SizeIs(1));
  ASSERT_THAT(b.ike_sas, SizeIs(1));
  EXPECT_TRUE(a.ike_sas[0].newest);
  EXPECT_FALSE(b.ike_sas[0].newest);
  EXPECT_FALSE(b.child_sas.at(0).newest);
  EXPECT_EQ(a.child_sas.at(0).spi_in, b.child_sas.at(0).spi_out);
}

TEST(StateListTest, AddressPairsHaveIkeSasOfTheirOwn) {  // R17
  const auto snapshot = StatesOf("showstates_two_address_pairs_a");
  ASSERT_THAT(snapshot.child_sas, SizeIs(2));
  EXPECT_EQ(snapshot.child_sas[0].connection, "x2-t-0");
  EXPECT_EQ(snapshot.child_sas[1].connection, "x2-t-1");
  EXPECT_NE(snapshot.child_sas[0].ike_serial, snapshot.child_sas[1].ike_serial);
  EXPECT_EQ(snapshot.child_sas[1].spi_out, 0x06386c77U);
}

TEST(StateListTest, ReadsConnectionsAndStatesFromTheStatus) {
  const auto snapshot = ParseStatus(ReplyOf("status_up"));
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_THAT(snapshot->connections, ElementsAre("x2-t-0"));
  EXPECT_THAT(snapshot->ike_sas, SizeIs(1));
  EXPECT_THAT(snapshot->child_sas, SizeIs(1));
  EXPECT_THAT(snapshot->fingerprints, IsEmpty());
}

TEST(StateListTest, ReadsSeveralConnections) {
  const auto snapshot = ParseStatus(ReplyOf("status_certificates"));
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_THAT(snapshot->connections, ElementsAre("x2-c-0", "x2-o-0", "x2-t-0", "x2-v6-0"));
}

TEST(StateListTest, ReadsAnEmptyStatus) {
  const auto snapshot = ParseStatus(ReplyOf("status_empty"));
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_THAT(snapshot->connections, IsEmpty());
}

TEST(StateListTest, R65ReadsTheRouterOfOtherPeoplesConnections) {
  const auto hop = [](const std::string& ends) {
    WhackReply reply = ReplyOf("status_up");
    for (ReplyLine& line : reply.lines) {
      if (line.text.starts_with("\"x2-t-0\": "))
        line.text = "\"backup\": " + ends;
      else if (line.text.starts_with("\"x2-t-0\""))
        line.text.replace(1, 6, "backup");
    }
    const auto snapshot = ParseStatus(reply);
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    const auto at = snapshot->next_hops.find("backup");
    return at == snapshot->next_hops.end() ? "none" : at->second.ToString();
  };
  EXPECT_EQ(hop("10.200.0.1/32===10.8.0.1[@a]...10.8.0.254[@segw]===10.100.0.0/16; erouted; eroute owner: #2"),
            "10.8.0.254")
      << "none is named: it is the peer";
  EXPECT_EQ(hop("10.200.0.1/32===10.8.0.1<10.8.0.1>[CN=a]---10.8.0.9...10.8.0.254<10.8.0.254>[@segw]===0.0.0.0/0; x"),
            "10.8.0.9");
  EXPECT_EQ(hop("10.8.0.1[@a]...%any[@segw]; unrouted"), "none");
  EXPECT_TRUE(ParseStatus(ReplyOf("status_up"))->next_hops.empty()) << "ours are known";
}

TEST(StateListTest, ReadsTheFingerprintOfOwnConnectionsOnly) {
  WhackReply reply = ReplyOf("status_up");
  for (ReplyLine& line : reply.lines) {
    const auto at = line.text.find("metric: 0;");
    if (at != std::string::npos) line.text.replace(at, 10, "metric: 77;");
  }
  auto snapshot = ParseStatus(reply);
  ASSERT_TRUE(snapshot.ok());
  EXPECT_EQ(snapshot->fingerprints.at("x2-t-0"), "77");
  for (ReplyLine& line : reply.lines) {
    if (line.text.starts_with("\"x2-t-0\"")) line.text.replace(1, 6, "backup");
  }
  snapshot = ParseStatus(reply);
  ASSERT_TRUE(snapshot.ok());
  EXPECT_THAT(snapshot->connections, ElementsAre("backup"));
  EXPECT_THAT(snapshot->fingerprints, IsEmpty());
}

TEST(StateListTest, RefusesAStatusThatIsCutAnywhere) {
  const WhackReply whole = ReplyOf("status_up");
  std::size_t last = 0;
  for (std::size_t i = 0; i < whole.lines.size(); ++i) {
    if (whole.lines[i].text.starts_with("Bare Shunt list:")) last = i;
  }
  ASSERT_GT(last, 0U);
  for (std::size_t size = 0; size <= last; ++size) {
    WhackReply cut = whole;
    cut.lines.resize(size);
    EXPECT_FALSE(ParseStatus(cut).ok()) << size;
  }
}

TEST(StateListTest, RefusesALineItDoesNotUnderstand) {
  for (const char* line : {
           "#x: \"x2-a-0\":500 STATE_V2_ESTABLISHED_IKE_SA (established IKE SA); newest; idle;",
           "#1: x2-a-0 STATE_V2_ESTABLISHED_IKE_SA",
           "#1: \"x2-a-0 STATE_V2_ESTABLISHED_IKE_SA",
           "#1",
           "#2: \"x2-a-0\":500 STATE_V2_ESTABLISHED_CHILD_SA (established Child SA); newest; idle;",
           "#2: \"x2-a-0\" esp.1@10.0.0.1 esp.2@10.0.0.2",
           "#2: \"x2-a-0\":500 STATE_V2_ESTABLISHED_CHILD_SA (established Child SA); IKE SA #1; idle;",
           "#1: \"x2-a-0\":500 STATE_QUICK_R2 (IPsec SA established)",
       }) {
    EXPECT_FALSE(ParseStates(Lines({line})).ok()) << line;
  }
}

TEST(StateListTest, LeavesOtherPeoplesIkev1Out) {
  const auto snapshot = ParseStates(Lines({"#1: \"office\"[3] 192.0.2.1:500 STATE_MAIN_R3 (sent Main Mode R3)"}));
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_THAT(snapshot->ike_sas, IsEmpty());
}

}  // namespace
}  // namespace henb::x2sec::pluto
