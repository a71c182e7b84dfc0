#include "henb-x2sec/pluto/whack_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/strings.h"
#include "spec.h"

namespace henb::x2sec::pluto {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;
using whack_command::Arguments;

Arguments AddWords(const core::ConnectionSpec& spec) {
  auto words = whack_command::Add(spec, {});
  EXPECT_TRUE(words.ok()) << words.status();
  return words.ok() ? *std::move(words) : Arguments{};
}

std::string Text(const Arguments& words) { return common::Join(words, " "); }

/// The words before and after "--to".
std::pair<Arguments, Arguments> Ends(const Arguments& words) {
  const auto to = std::find(words.begin(), words.end(), "--to");
  return {Arguments(words.begin(), to), Arguments(to, words.end())};
}

TEST(WhackCommandTest, AddsAPskConnection) {
  Arguments words = AddWords(PskSpec());
  words.resize(words.size() - 1);  // the fingerprint's value
  EXPECT_EQ(Text(words),
            "--name x2-henb-b.example-0 --id @henb-a.example --host 10.9.0.1 --authby psk --updown %disabled "
            "--to --id @henb-b.example --host 10.9.0.2 --authby psk "
            "--ikev2 --encrypt --pfs --psk --tunnel --reauth --overlapip --reqid 101 "
            "--ike aes_gcm256-sha2_256-ecp256 --esp aes_gcm256-none-ecp256 "
            "--ikefrag-allow --encaps auto --esn --no-esn --replay-window 2048 --dontrekey --ikelifetime 86400 "
            "--ipseclifetime 86400 "
            "--rekeymargin 20 --keyingtries 1 --retransmit-timeout 10 --dpddelay 3 --dpdaction clear --metric");
}

TEST(WhackCommandTest, ACertificateConnectionNamesItsKeyAndTheExpectedAnchor) {  // R14
  const auto [ours, peers] = Ends(AddWords(CertificateSpec()));
  EXPECT_THAT(Text(ours),
              testing::HasSubstr("--ckaid 0123456789abcdef0123456789abcdef01234567 --authby ecdsa --sendcert always "
                                 "--sendca all"));  // R18
  EXPECT_THAT(ours, Not(Contains("--ca")));
  EXPECT_THAT(Text(peers), testing::HasSubstr("--ca O=Operator, CN=Operator CA 1 --authby ecdsa --sendcert always"));
  EXPECT_THAT(peers, Contains("--ecdsa"));
  EXPECT_THAT(peers, Contains("O=Operator, CN=Operator CA 1"));
  EXPECT_THAT(peers, Not(Contains("--psk")));
}

TEST(WhackCommandTest, R18AnRsaKeyOfOursTakesEitherKindFromThePeer) {
  core::ConnectionSpec spec = CertificateSpec();
  spec.local_key_is_rsa = true;
  const Arguments words = AddWords(spec);
  EXPECT_THAT(words, Contains("--rsa-sha2"));  // "--rsa" is ambiguous to whack
  EXPECT_THAT(words, Contains("--ecdsa"));
  EXPECT_THAT(words, Not(Contains("--authby")));
  spec.peer_key_is_rsa = true;
  EXPECT_EQ(words, AddWords(spec));
}

TEST(WhackCommandTest, R18AnEcdsaKeyOfOursNeedsThePeersKind) {
  core::ConnectionSpec spec = CertificateSpec();
  const Arguments before = AddWords(spec);
  EXPECT_THAT(before, Not(Contains("--rsa-sha2")));
  spec.peer_key_is_rsa = true;
  const Arguments words = AddWords(spec);
  const auto [ours, peers] = Ends(words);
  EXPECT_THAT(Text(ours), testing::HasSubstr("--authby ecdsa"));
  EXPECT_THAT(Text(peers), testing::HasSubstr("--authby rsa"));
  EXPECT_THAT(words, testing::IsSupersetOf({"--ecdsa", "--rsa-sha2"}));
  EXPECT_EQ(words.back(), before.back()) << "what is up stays up, whichever kind it was given for";
}

TEST(WhackCommandTest, TransportModeLeavesTunnelOut) {  // R11
  core::ConnectionSpec spec = PskSpec();
  EXPECT_THAT(AddWords(spec), Contains("--tunnel"));
  spec.transport_mode = true;
  EXPECT_THAT(AddWords(spec), Not(Contains("--tunnel")));
}

TEST(WhackCommandTest, FragmentationEsnAndReplayWindowAreAskedFor) {  // R18, R21
  const Arguments words = AddWords(PskSpec());
  for (const char* word : {"--ikefrag-allow", "--esn", "--no-esn", "--replay-window", "2048"})
    EXPECT_THAT(words, Contains(word));
}

TEST(WhackCommandTest, SeveralSuitesAreOneWord) {
  core::ConnectionSpec spec = PskSpec();
  spec.esp_suites = {"aes_gcm256-none-ecp256", "aes256-sha2_256-ecp256"};
  EXPECT_THAT(AddWords(spec), Contains("aes_gcm256-none-ecp256,aes256-sha2_256-ecp256"));
}

TEST(WhackCommandTest, Ipv6NeedsNoWordOfItsOwn) {
  core::ConnectionSpec spec = PskSpec();
  spec.local_address = spec.local_ike_address = *common::IpAddress::Parse("fd09::1");
  spec.peer_address = spec.peer_ike_address = *common::IpAddress::Parse("fd09::2");
  const Arguments words = AddWords(spec);
  EXPECT_THAT(words, Contains("fd09::1"));
  EXPECT_THAT(words, Not(Contains("--ipv6")));
}

TEST(WhackCommandTest, R64AddressesBehindTheEndsOfIkeAreClients) {
  core::ConnectionSpec spec = CertificateSpec();
  spec.peer_ike_address = *common::IpAddress::Parse("10.9.0.50");
  const auto [ours, peers] = Ends(AddWords(spec));
  EXPECT_THAT(Text(peers), testing::HasSubstr("--host 10.9.0.50 --client 10.9.0.2/32"));
  EXPECT_THAT(Text(ours), testing::HasSubstr("--host 10.9.0.1 --client 10.9.0.1/32"));  // both or none
  spec = PskSpec();
  spec.local_address = *common::IpAddress::Parse("10.7.0.1");
  EXPECT_THAT(Text(AddWords(spec)), testing::HasSubstr("--host 10.9.0.1 --client 10.7.0.1/32"));
  EXPECT_NE(AddWords(spec).back(), AddWords(PskSpec()).back());
}

TEST(WhackCommandTest, R65ANetworkBehindAGateway) {
  core::ConnectionSpec spec = CertificateSpec();
  spec.peer_network = *common::Cidr::Parse("10.9.0.0/30");
  EXPECT_FALSE(whack_command::Add(spec, {}).ok()) << "our own address is in there";
  spec.local_address = *common::IpAddress::Parse("10.200.0.1");
  spec.local_id_is_subject = true;
  spec.next_hop = *common::IpAddress::Parse("10.9.0.99");
  const auto [ours, peers] = Ends(AddWords(spec));
  EXPECT_THAT(Text(peers), testing::HasSubstr("--client 10.9.0.0/30"));
  EXPECT_THAT(Text(ours), testing::HasSubstr("--client 10.200.0.1/32"));
  EXPECT_THAT(Text(ours), testing::HasSubstr("--id %fromcert"));
  EXPECT_THAT(Text(ours), testing::HasSubstr("--nexthop 10.9.0.99"));
  core::ConnectionSpec elsewhere = spec;
  elsewhere.next_hop.reset();
  EXPECT_EQ(AddWords(spec).back(), AddWords(elsewhere).back()) << "another router is no other connection";
  elsewhere.peer_network = *common::Cidr::Parse("10.9.0.0/29");
  EXPECT_NE(AddWords(spec).back(), AddWords(elsewhere).back());
  spec.transport_mode = true;
  EXPECT_FALSE(whack_command::Add(spec, {}).ok());
}

TEST(WhackCommandTest, R65SomebodyElsesConnectionIsNamedAndNothingElse) {
  EXPECT_THAT(*whack_command::TakeDown("backhaul"), testing::ElementsAre("--terminate", "--name", "backhaul"));
  EXPECT_THAT(*whack_command::BringUp("backhaul/0x1"),
              testing::ElementsAre("--initiate", "--asynchronous", "--name", "backhaul/0x1"));
  for (const char* bad : {"", "--shutdown", "-x", "x2-henb-b.example-0", "a b", "a\nb"}) {
    EXPECT_FALSE(whack_command::TakeDown(bad).ok()) << bad;
    EXPECT_FALSE(whack_command::BringUp(bad).ok()) << bad;
  }
}

TEST(WhackCommandTest, NothingFromOutsideBecomesAnOption) {
  core::ConnectionSpec spec = CertificateSpec();
  spec.expected_ca = "--updown";
  EXPECT_FALSE(whack_command::Add(spec, {}).ok());
  spec = CertificateSpec();
  spec.name = "x2-a --shutdown";
  EXPECT_FALSE(whack_command::Add(spec, {}).ok());
  EXPECT_FALSE(whack_command::Delete("backhaul").ok());
  EXPECT_FALSE(whack_command::Initiate("--shutdown").ok());
}

TEST(WhackCommandTest, TheFingerprintFollowsEveryField) {
  const std::string psk = AddWords(PskSpec()).back();
  EXPECT_EQ(psk, AddWords(PskSpec()).back());
  core::ConnectionSpec spec = PskSpec();
  spec.reqid = 102;
  EXPECT_NE(psk, AddWords(spec).back());
  EXPECT_NE(psk, AddWords(CertificateSpec()).back());
  spec = CertificateSpec();
  spec.expected_ca = "O=Operator, CN=Operator CA 2";
  EXPECT_NE(AddWords(spec).back(), AddWords(CertificateSpec()).back());
  EXPECT_NE(psk, whack_command::Add(PskSpec(), ConnectionTimers{.dpd_delay = 5})->back());
  const auto value = common::ParseNumber<std::uint32_t>(psk);
  ASSERT_TRUE(value.has_value());
  EXPECT_GT(*value, 0U);
  EXPECT_LT(*value, 1U << 30);
}

TEST(WhackCommandTest, TheOtherCommands) {
  EXPECT_THAT(*whack_command::Delete("x2-a-0"), ElementsAre("--delete", "--name", "x2-a-0"));
  EXPECT_THAT(*whack_command::Initiate("x2-a-0"), ElementsAre("--initiate", "--name", "x2-a-0"));
  EXPECT_THAT(whack_command::Reauthenticate(7), ElementsAre("--impair", "event-v2-reauth:7", "--asynchronous"));
  EXPECT_THAT(whack_command::DeleteState(7), ElementsAre("--deletestate", "7"));
  EXPECT_THAT(whack_command::RereadSecrets(), ElementsAre("--rereadsecrets"));
  EXPECT_THAT(whack_command::RereadCertificates(), ElementsAre("--rereadcerts"));
  EXPECT_THAT(whack_command::FreeRootCertificates(), ElementsAre("--impair", "trigger:EVENT_FREE_ROOT_CERTS"));
  EXPECT_THAT(whack_command::ShowStates(), ElementsAre("--showstates"));
}

}  // namespace
}  // namespace henb::x2sec::pluto
