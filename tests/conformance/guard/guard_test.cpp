// One suite for the guard: the fake that other tests use behaves as nftables does (R16, R17).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "henb-x2sec/guard/nft_guard.h"
#include "tests/support/fake_guard.h"
#include "tests/support/network_namespace.h"

namespace henb::tests {
namespace {

using x2sec::core::GuardSpec;

struct GuardUnderTest {
  std::shared_ptr<void> owner;
  x2sec::core::Guard* guard = nullptr;  ///< Null: not possible here.
  std::function<void()> flush;
};
struct Kind {
  std::string name;
  std::function<GuardUnderTest()> make;
  friend void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }
};

GuardUnderTest MakeFake() {
  auto fake = std::make_shared<FakeGuard>();
  return {fake, fake.get(), [raw = fake.get()] { raw->Flush(); }};
}

GuardUnderTest MakeReal() {
  struct Owner {
    NetworkNamespace network;
    common::SystemProcessRunner runner;
    std::unique_ptr<x2sec::guard::NftGuard> guard;
  };
  auto owner = std::make_shared<Owner>();
  if (!owner->network.entered()) return {};
  auto guard = x2sec::guard::NftGuard::Open(owner->runner);
  EXPECT_TRUE(guard.ok()) << guard.status();
  if (!guard.ok()) return {};
  owner->guard = std::move(guard).value();
  auto* raw = owner->guard.get();
  auto* network = &owner->network;
  return {std::move(owner), raw, [network] {
            EXPECT_EQ(network->Run({x2sec::guard::NftGuard::kNft, "flush", "ruleset"}), "");
          }};
}

class GuardConformance : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    under_test_ = GetParam().make();
    if (under_test_.guard == nullptr) GTEST_SKIP() << "needs root and network namespaces";
  }
  x2sec::core::Guard& guard() { return *under_test_.guard; }
  void Flush() { under_test_.flush(); }
  static GuardSpec Closed() {
    GuardSpec spec;
    spec.ports = x2sec::core::X2Ports();
    return spec;
  }
  static GuardSpec Full() {
    GuardSpec spec = Closed();
    spec.admitted = {{*common::IpAddress::Parse("10.9.0.2"), 101}, {*common::IpAddress::Parse("fd00::2"), 101}};
    spec.trusted = {{*common::IpAddress::Parse("10.9.1.9"), "eth0.100", *common::Cidr::Parse("10.9.1.0/24")}};
    spec.backhaul_reqid = 50;
    spec.core_networks = {*common::Cidr::Parse("10.100.0.0/16"), *common::Cidr::Parse("fd10::/32")};
    spec.backhaul_only = {{*common::IpAddress::Parse("10.100.0.1"), 8443}};
    spec.neighbours = {*common::IpAddress::Parse("10.9.0.2"), *common::IpAddress::Parse("fd00::2")};
    return spec;
  }
  bool InPlace(const GuardSpec& spec) {
    const auto in_place = guard().InPlace(spec);
    EXPECT_TRUE(in_place.ok()) << in_place.status();
    return in_place.ok() && *in_place;
  }

 private:
  GuardUnderTest under_test_;
};

TEST_P(GuardConformance, BeginsWithNothing) {
  EXPECT_FALSE(InPlace(Closed()));
  EXPECT_EQ(guard().Counters().status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(guard().ReadEvents());
}

TEST_P(GuardConformance, IsWhatWasAppliedLast) {
  ASSERT_TRUE(guard().Apply(Closed()).ok());
  EXPECT_TRUE(InPlace(Closed()));
  EXPECT_FALSE(InPlace(Full()));
  ASSERT_TRUE(guard().Apply(Full()).ok());
  EXPECT_TRUE(InPlace(Full()));
  EXPECT_FALSE(InPlace(Closed()));
  GuardSpec less = Full();
  less.admitted.erase(less.admitted.begin());
  EXPECT_FALSE(InPlace(less));
  ASSERT_TRUE(guard().Apply(less).ok());
  EXPECT_TRUE(InPlace(less));
  ASSERT_TRUE(guard().Apply(less).ok());
  EXPECT_TRUE(InPlace(less));
  EXPECT_TRUE(guard().Counters().ok());
}

TEST_P(GuardConformance, RefusesASpecWithoutPortsAndChangesNothing) {
  ASSERT_TRUE(guard().Apply(Full()).ok());
  EXPECT_EQ(guard().Apply(GuardSpec{}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(InPlace(Full()));
}

TEST_P(GuardConformance, R16NoticesAFlushAndComesBack) {
  ASSERT_TRUE(guard().Apply(Full()).ok());
  EXPECT_FALSE(guard().ReadEvents()) << "its own change is no event";
  Flush();
  EXPECT_TRUE(guard().ReadEvents());
  EXPECT_FALSE(guard().ReadEvents());
  EXPECT_FALSE(InPlace(Full()));
  ASSERT_TRUE(guard().Apply(Full()).ok());
  EXPECT_TRUE(InPlace(Full()));
  EXPECT_FALSE(guard().ReadEvents());
}

INSTANTIATE_TEST_SUITE_P(Kinds, GuardConformance, ::testing::Values(Kind{"Fake", MakeFake}, Kind{"Real", MakeReal}),
                         [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace henb::tests
