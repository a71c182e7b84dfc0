// What only real nftables can show: that what it prints is what was meant, whose changes are noticed, what counters do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "henb-x2sec/guard/nft_guard.h"
#include "tests/support/network_namespace.h"

namespace henb::tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using x2sec::core::GuardSpec;
using x2sec::guard::NftGuard;

common::IpAddress Ip(std::string_view text) { return *common::IpAddress::Parse(text); }

class NftGuardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!network_.entered()) GTEST_SKIP() << "needs root and network namespaces";
    auto guard = NftGuard::Open(runner_);
    ASSERT_TRUE(guard.ok()) << guard.status();
    guard_ = std::move(guard).value();
    spec_.ports = x2sec::core::X2Ports();
    spec_.admitted = {{Ip("10.9.0.2"), 101}, {Ip("10.9.0.3"), 102}, {Ip("fd00::2"), 101}};
    spec_.trusted = {{Ip("10.9.1.9"), "eth0", *common::Cidr::Parse("10.9.1.0/24")}};
    spec_.backhaul_reqid = 50;
    spec_.core_networks = {*common::Cidr::Parse("10.100.0.0/16")};
    spec_.backhaul_only = {{Ip("10.100.0.1"), 8443}};
  }
  std::string Nft(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), NftGuard::kNft);
    return network_.Run(std::move(arguments));
  }
  std::string List() { return Nft({"list", "table", "inet", "x2sec"}); }
  std::string ListWithHandles() { return Nft({"-a", "list", "table", "inet", "x2sec"}); }
  bool InPlace() {
    const auto in_place = guard_->InPlace(spec_);
    EXPECT_TRUE(in_place.ok()) << in_place.status();
    return in_place.ok() && *in_place;
  }
  /// The handle of the first rule that holds `text`.
  std::string HandleOf(const std::string& text) {
    const std::string listing = ListWithHandles();
    const auto at = listing.find("# handle ", listing.find(text)) + 9;
    return listing.substr(at, listing.find('\n', at) - at);
  }

  NetworkNamespace network_;
  common::SystemProcessRunner runner_;
  std::unique_ptr<NftGuard> guard_;
  GuardSpec spec_;
};

TEST_F(NftGuardTest, EveryShapeIsListedAsItWasRendered) {
  GuardSpec bare;
  bare.ports = x2sec::core::X2Ports();
  GuardSpec trusted_backhaul = spec_;
  trusted_backhaul.backhaul_trusted = true;
  GuardSpec iurh = spec_;
  iurh.ports = {{x2sec::core::ProtectedPort::Protocol::kSctp, 25471},
                {x2sec::core::ProtectedPort::Protocol::kUdp, 4000}};
  GuardSpec networks = spec_;
  for (const char* network : {"10.100.1.0/24", "10.200.0.0/24", "10.200.1.0/24", "10.4.4.4/32", "192.168.0.0/31",
                              "fd10::/32", "fd11::1/128", "fd10:0:1::/48"}) {
    networks.core_networks.insert(*common::Cidr::Parse(network));
  }
  GuardSpec everything = spec_;
  everything.core_networks = {*common::Cidr::Parse("0.0.0.0/0"), *common::Cidr::Parse("::/0"),
                              *common::Cidr::Parse("10.0.0.0/8")};
  GuardSpec odd_addresses = spec_;
  for (const char* address : {"::ffff:10.0.0.1", "fe80::1", "::1", "2001:db8::1:0:0:1", "255.255.255.255"}) {
    odd_addresses.admitted.insert({Ip(address), 16379});
    odd_addresses.neighbours.insert(Ip(address));
    odd_addresses.backhaul_only.insert({Ip(address), 443});
    odd_addresses.trusted.insert(
        {Ip(address), "wlan-0_a.b", *common::Cidr::Parse(Ip(address).is_v6() ? "::/0" : "0.0.0.0/0")});
  }
  for (const GuardSpec& spec : {bare, spec_, trusted_backhaul, iurh, networks, everything, odd_addresses}) {
    ASSERT_TRUE(guard_->Apply(spec).ok()) << guard_->Apply(spec);
    const auto rendered = x2sec::guard::Render(spec);
    ASSERT_TRUE(rendered.ok());
    const auto listing = guard_->List();
    ASSERT_TRUE(listing.ok() && *listing);
    EXPECT_EQ((*listing)->table.structure, rendered->structure);
    EXPECT_EQ((*listing)->table.elements, rendered->elements);
  }
}

TEST_F(NftGuardTest, AdoptsTheTableOfAnEarlierProcess) {
  ASSERT_TRUE(guard_->Apply(spec_).ok());
  const std::string before = ListWithHandles();
  auto second = NftGuard::Open(runner_);
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(*(*second)->InPlace(spec_));
  ASSERT_TRUE((*second)->Apply(spec_).ok());
  EXPECT_EQ(ListWithHandles(), before);
}

TEST_F(NftGuardTest, ChangesElementsWithoutTouchingRules) {
  ASSERT_TRUE(guard_->Apply(spec_).ok());
  const std::string rule = HandleOf("@admitted4 accept");
  spec_.admitted.erase(spec_.admitted.begin());
  spec_.admitted.insert({Ip("10.9.0.77"), 177});
  ASSERT_TRUE(guard_->Apply(spec_).ok());
  EXPECT_TRUE(InPlace());
  EXPECT_EQ(HandleOf("@admitted4 accept"), rule);
  EXPECT_THAT(List(), HasSubstr("10.9.0.77 . 177"));
  EXPECT_THAT(List(), Not(HasSubstr("10.9.0.2 . 101")));
}

TEST_F(NftGuardTest, R16NoticesEverySingleChangeOfRulesAndRepairsIt) {
  ASSERT_TRUE(guard_->Apply(spec_).ok());
  const std::vector<std::function<void()>> meddlings = {
      [&] {
        EXPECT_EQ(Nft({"delete", "rule", "inet", "x2sec", "leaving", "handle", HandleOf("\"dropped_out\" drop")}), "");
      },
      [&] {
        EXPECT_EQ(Nft({"insert", "rule", "inet", "x2sec", "output", "accept"}), "");
      },
      [&] {
        EXPECT_EQ(Nft({"insert", "rule", "inet", "x2sec", "input", "udp", "dport", "2152", "accept"}), "");
      },
      [&] {
        EXPECT_EQ(Nft({"replace", "rule", "inet", "x2sec", "output", "handle", HandleOf("sctp dport 36422"), "sctp",
                       "dport", "36423", "goto", "leaving"}),
                  "");
      },
      [&] {
        EXPECT_EQ(Nft({"flush", "chain", "inet", "x2sec", "arriving"}), "");
      },
      [&] {
        EXPECT_EQ(Nft({"delete", "chain", "inet", "x2sec", "forward"}), "");
      },
      [&] {
        EXPECT_EQ(Nft({"add", "element", "inet", "x2sec", "admitted4", "{ 10.6.6.6 . 9 }"}), "");
      },
      [&] {
        EXPECT_EQ(Nft({"delete", "element", "inet", "x2sec", "admitted6", "{ fd00::2 . 101 }"}), "");
      },
      [&] {
        EXPECT_EQ(Nft({"flush", "set", "inet", "x2sec", "backhaul_only4"}), "");
      },
      [&] {
        EXPECT_EQ(Nft({"add", "table", "inet", "x2sec", "{ flags dormant; }"}), "");
      },
      [&] {
        EXPECT_EQ(Nft({"delete", "table", "inet", "x2sec"}), "");
      },
      [&] {
        EXPECT_EQ(Nft({"flush", "table", "inet", "x2sec"}), "");
      }};
  for (std::size_t i = 0; i < meddlings.size(); ++i) {
    ASSERT_TRUE(InPlace()) << i;
    ASSERT_FALSE(guard_->ReadEvents()) << i;
    meddlings[i]();
    EXPECT_TRUE(guard_->ReadEvents()) << i;
    EXPECT_FALSE(InPlace()) << i << List();
    ASSERT_TRUE(guard_->Apply(spec_).ok()) << i;
    EXPECT_TRUE(InPlace()) << i << List();
  }
}

TEST_F(NftGuardTest, OtherTablesAreNobodysBusiness) {
  ASSERT_EQ(Nft({"add", "table", "inet", "filter"}), "");
  ASSERT_EQ(Nft({"add", "table", "ip", "x2sec"}), "");
  ASSERT_TRUE(guard_->Apply(spec_).ok());
  ASSERT_EQ(Nft({"add", "chain", "inet", "filter", "input"}), "");
  ASSERT_EQ(Nft({"add", "chain", "ip", "x2sec", "input"}), "");
  EXPECT_FALSE(guard_->ReadEvents());
  EXPECT_THAT(Nft({"list", "ruleset"}), HasSubstr("table ip x2sec"));
  spec_.admitted.clear();
  spec_.backhaul_trusted = true;
  ASSERT_TRUE(guard_->Apply(spec_).ok());
  EXPECT_THAT(Nft({"list", "ruleset"}), HasSubstr("table inet filter"));
}

TEST_F(NftGuardTest, CountsWhatItDropsAndGoesOnCounting) {
  ASSERT_EQ(network_.Run({"/sbin/ip", "link", "set", "lo", "up"}), "");
  ASSERT_TRUE(guard_->Apply(spec_).ok());
  const auto send = [&](const char* address) {
    common::UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(2152);
    const auto parsed = Ip(address);
    const auto bytes = parsed.bytes();
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<std::uint8_t*>(&to.sin_addr));
    return sendto(fd.get(), "x", 1, 0, reinterpret_cast<sockaddr*>(&to), sizeof(to));
  };
  EXPECT_EQ(send("127.0.0.1"), -1) << "R16: no clear packet";
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(guard_->Counters()->dropped_out, 1U);
  spec_.admitted.insert({Ip("10.9.0.99"), 199});  // elements only
  ASSERT_TRUE(guard_->Apply(spec_).ok());
  EXPECT_EQ(guard_->Counters()->dropped_out, 1U);
  spec_.ports.insert({x2sec::core::ProtectedPort::Protocol::kUdp, 4000});  // whole table
  ASSERT_TRUE(guard_->Apply(spec_).ok());
  EXPECT_EQ(guard_->Counters()->dropped_out, 1U);
  ASSERT_EQ(Nft({"flush", "ruleset"}), "");
  ASSERT_TRUE(guard_->Apply(spec_).ok());
  EXPECT_EQ(guard_->Counters()->dropped_out, 1U);
  EXPECT_EQ(send("127.0.0.1"), -1);
  EXPECT_EQ(guard_->Counters()->dropped_out, 2U);
}

TEST_F(NftGuardTest, SaysWhatNftSaid) {
  auto missing = NftGuard::Open(runner_, "/usr/sbin/no-such-nft");
  ASSERT_TRUE(missing.ok());
  EXPECT_EQ((*missing)->Apply(spec_).code(), absl::StatusCode::kUnavailable);
  auto wrong = NftGuard::Open(runner_, "/bin/false");
  ASSERT_TRUE(wrong.ok());
  EXPECT_EQ((*wrong)->Apply(spec_).code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace henb::tests
