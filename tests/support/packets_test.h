// Two hosts with guard and kernel, nothing installed, and GTP-U between them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "henb-x2sec/guard/nft_guard.h"
#include "henb-x2sec/xfrm/xfrm_kernel.h"
#include "tests/support/node_pair.h"
#include "tests/support/packets.h"

namespace henb::tests {

inline constexpr std::uint16_t kGtpu = 2152;
inline constexpr std::uint16_t kOtherPort = 40000;
inline constexpr int kPackets = 10;
inline constexpr int kPatience = 200;  // ms, for packets that must not come

inline common::IpAddress Address(std::string_view text) { return *common::IpAddress::Parse(text); }

/// A node with both belts at hand, nothing installed.
struct Host {
  explicit Host(const Node& at) : node(at) {
    node.Enter();
    auto opened_guard = x2sec::guard::NftGuard::Open(runner);
    auto opened_kernel = x2sec::xfrm::XfrmKernel::Open(x2sec::core::X2Ports());
    EXPECT_TRUE(opened_guard.ok()) << opened_guard.status();
    EXPECT_TRUE(opened_kernel.ok()) << opened_kernel.status();
    if (opened_guard.ok()) guard = *std::move(opened_guard);
    if (opened_kernel.ok()) kernel = *std::move(opened_kernel);
    spec.ports = x2sec::core::X2Ports();
  }
  /// nft works in the namespace of the thread that starts it.
  void ApplyGuard() {
    node.Enter();
    const absl::Status applied = guard->Apply(spec);
    EXPECT_TRUE(applied.ok()) << applied;
  }
  x2sec::core::GuardCounters Counters() {
    node.Enter();
    const auto counters = guard->Counters();
    EXPECT_TRUE(counters.ok()) << counters.status();
    return counters.value_or(x2sec::core::GuardCounters{});
  }
  void InstallBelt() {
    const absl::Status installed = kernel->InstallBelt();
    EXPECT_TRUE(installed.ok()) << installed;
  }
  void SetPin(const x2sec::core::Pin& pin) {
    const absl::Status set = kernel->SetPin(pin);
    EXPECT_TRUE(set.ok()) << set;
  }

  const Node& node;
  common::SystemProcessRunner runner;
  std::unique_ptr<x2sec::guard::NftGuard> guard;
  std::unique_ptr<x2sec::xfrm::XfrmKernel> kernel;
  x2sec::core::GuardSpec spec;
};

struct Outcome {
  int refused = 0;  ///< With EPERM, at the sender.
  int failed = 0;   ///< With another error.
  int arrived = 0;
};
inline void PrintTo(const Outcome& o, std::ostream* out) {
  *out << o.refused << " refused, " << o.failed << " failed, " << o.arrived << " arrived";
}

/// a is 10.9.0.1 and fd09::1, b is 10.9.0.2 and fd09::2.
class PacketsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!nodes_.problem.empty()) GTEST_SKIP() << "no two namespaces with a wire here: " << nodes_.problem;
    ASSERT_TRUE(Reachable(Address("10.9.0.1"), Address("10.9.0.2")));
    ASSERT_TRUE(Reachable(Address("fd09::1"), Address("fd09::2")));
    a = std::make_unique<Host>(nodes_.a);
    b = std::make_unique<Host>(nodes_.b);
    ASSERT_TRUE(a->guard && a->kernel && b->guard && b->kernel);
  }
  /// GTP-U from a's address to b's.
  Outcome Send(const common::IpAddress& from, const common::IpAddress& to, int packets = kPackets) {
    const auto sender = BoundSocket(nodes_.a, SOCK_DGRAM, 0, from, kGtpu);
    const auto receiver = BoundSocket(nodes_.b, SOCK_DGRAM, 0, to, kGtpu);
    EXPECT_TRUE(sender.valid() && receiver.valid());
    Outcome outcome;
    for (int i = 0; i < packets; ++i) {
      const int error = SendTo(sender, to, kGtpu, static_cast<std::uint32_t>(i));
      outcome.refused += error == EPERM ? 1 : 0;
      outcome.failed += error != 0 && error != EPERM ? 1 : 0;
    }
    while (outcome.arrived < packets && ReceiveNumber(receiver, kPatience)) ++outcome.arrived;
    return outcome;
  }
  /// IPv6 takes a moment until a new wire carries; packets of a port that nobody protects show when it does.
  bool Reachable(const common::IpAddress& from, const common::IpAddress& to) const {
    constexpr int kAttempts = 100;
    const auto sender = BoundSocket(nodes_.a, SOCK_DGRAM, 0, from, kOtherPort);
    const auto receiver = BoundSocket(nodes_.b, SOCK_DGRAM, 0, to, kOtherPort);
    for (int i = 0; i < kAttempts; ++i) {
      (void)SendTo(sender, to, kOtherPort, 0);
      if (ReceiveNumber(receiver, kPatience / 4)) return true;
    }
    return false;
  }
  static Outcome AllRefused() { return {kPackets, 0, 0}; }
  static Outcome AllArrived() { return {0, 0, kPackets}; }
  static Outcome AllLost() { return {0, 0, 0}; }

  NodePair nodes_;
  std::unique_ptr<Host> a;
  std::unique_ptr<Host> b;
};

inline bool operator==(const Outcome& x, const Outcome& y) {
  return x.refused == y.refused && x.failed == y.failed && x.arrived == y.arrived;
}

}  // namespace henb::tests
