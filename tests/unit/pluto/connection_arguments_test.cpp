#include "henb-x2sec/pluto/connection_arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "spec.h"

namespace henb::x2sec::pluto {
namespace {

using testing::HasSubstr;

TEST(ConnectionArgumentsTest, TakesOwnNamesOnly) {
  EXPECT_TRUE(CheckConnectionName("x2-henb-b.example-0").ok());
  EXPECT_TRUE(CheckConnectionName(std::string("x2-") + std::string(252, 'a')).ok());
  for (const std::string name :
       {"", "x2-", "backhaul", "X2-a", "x2-a b", "x2-a\n", "x2-a;b", "x2-a\"", "--x2-a", "x2-a%", "x2-é"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckConnectionName(name))) << name;
  }
  EXPECT_FALSE(CheckConnectionName(std::string("x2-") + std::string(253, 'a')).ok());
}

TEST(ConnectionArgumentsTest, TakesProposalsOnly) {
  EXPECT_TRUE(CheckSuite("aes_gcm256-sha2_256-ecp256").ok());
  EXPECT_TRUE(CheckSuite("aes256-sha2_512-modp2048").ok());
  for (const char* suite :
       {"", "-aes", "--esp", "aes,3des", "aes 256", "aes;dh2", "aes+sha1", "1aes", "aes\n", "%any"}) {
    EXPECT_FALSE(CheckSuite(suite).ok()) << suite;
  }
  EXPECT_FALSE(CheckSuite(std::string(65, 'a')).ok());
}

TEST(ConnectionArgumentsTest, TakesWholeCkaidsOnly) {
  EXPECT_TRUE(CheckCkaid("0123456789abcdef0123456789ABCDEF01234567").ok());
  for (const char* ckaid :
       {"", "01", "0123456789abcdef0123456789abcdef0123456", "0123456789abcdef0123456789abcdef012345678",
        "0123456789abcdef0123456789abcdef0123456g", "--cert"}) {
    EXPECT_FALSE(CheckCkaid(ckaid).ok()) << ckaid;
  }
}

TEST(ConnectionArgumentsTest, TakesDistinguishedNamesOnly) {
  EXPECT_TRUE(CheckDistinguishedName("O=Op, CN=Operator CA 1").ok());
  EXPECT_TRUE(CheckDistinguishedName("C=DE, O=Acme\\, Inc., CN=Root \\C3\\A9").ok());
  for (const char* dn : {"", "%any", "%same", "--ca", "=x", "no name", "CN=\"x\"", "CN='x'", "CN=a\nb", "CN=\x7f",
                         "CN=\xc3\xa9", "CN=a\\", " CN=a", "CN=%any"}) {
    EXPECT_FALSE(CheckDistinguishedName(dn).ok()) << dn;
  }
  EXPECT_FALSE(CheckDistinguishedName("CN=" + std::string(600, 'a')).ok());
}

struct Bent {
  const char* field;
  std::function<void(core::ConnectionSpec&)> bend;
};

TEST(ConnectionArgumentsTest, NamesTheFieldThatIsWrong) {
  const Bent all[] = {
      {"local_id", [](auto& s) { s.local_id = {}; }},
      {"peer_id", [](auto& s) { s.peer_id = {}; }},
      {"peer_id", [](auto& s) { s.peer_id = s.local_id; }},
      {"local_address", [](auto& s) { s.local_address = {}; }},
      {"peer_address", [](auto& s) { s.peer_address = {}; }},
      {"peer_address", [](auto& s) { s.peer_address = *common::IpAddress::Parse("fd00::1"); }},
      {"peer_address", [](auto& s) { s.peer_address = *common::IpAddress::Parse("0.0.0.0"); }},
      {"peer_address", [](auto& s) { s.peer_address = s.local_address; }},
      {"local_ike_address", [](auto& s) { s.local_ike_address = {}; }},
      {"local_ike_address", [](auto& s) { s.local_ike_address = *common::IpAddress::Parse("fd00::1"); }},
      {"peer_ike_address", [](auto& s) { s.peer_ike_address = *common::IpAddress::Parse("0.0.0.0"); }},
      {"peer_ike_address", [](auto& s) { s.peer_ike_address = s.local_ike_address; }},
      {"transport_mode",
       [](auto& s) {
         s.transport_mode = true;
         s.peer_ike_address = *common::IpAddress::Parse("10.9.0.50");
       }},
      {"reqid", [](auto& s) { s.reqid = 0; }},
      {"reqid", [](auto& s) { s.reqid = 16380; }},
      {"local_ckaid", [](auto& s) { s.local_ckaid = "01"; }},
      {"expected_ca", [](auto& s) { s.expected_ca = ""; }},  // R14: never "any anchor"
      {"expected_ca", [](auto& s) { s.expected_ca = "%any"; }},
      {"ike_suites", [](auto& s) { s.ike_suites.clear(); }},
      {"ike_suites[1]", [](auto& s) { s.ike_suites.push_back("a b"); }},
      {"esp_suites[0]", [](auto& s) { s.esp_suites[0] = "--updown"; }},
      {"replay_window", [](auto& s) { s.replay_window = 0; }},  // R12
      {"replay_window", [](auto& s) { s.replay_window = 4096; }},
      {"lifetime", [](auto& s) { s.lifetime = absl::ZeroDuration(); }},
      {"lifetime", [](auto& s) { s.lifetime = absl::InfiniteDuration(); }},
  };
  EXPECT_TRUE(CheckSpec(CertificateSpec()).ok());
  for (const Bent& bent : all) {
    core::ConnectionSpec spec = CertificateSpec();
    bent.bend(spec);
    const absl::Status status = CheckSpec(spec);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << bent.field;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string("connection x2-henb-b.example-0: ") + bent.field));
  }
}

}  // namespace
}  // namespace henb::x2sec::pluto
