// R16: each belt alone keeps clear X2 from leaving and from being accepted. Runs on any kernel with nftables and XFRM.
#include "tests/support/packets_test.h"

namespace henb::tests {
namespace {

struct Family {
  const char* name;
  const char* a;
  const char* b;
  friend void PrintTo(const Family& family, std::ostream* out) { *out << family.name; }
};

class ClearPacketsTest : public PacketsTest, public ::testing::WithParamInterface<Family> {
 protected:
  common::IpAddress From() { return Address(GetParam().a); }
  common::IpAddress To() { return Address(GetParam().b); }
};

TEST_P(ClearPacketsTest, PassWithoutBelts) {
  EXPECT_EQ(Send(From(), To()), AllArrived()) << "else the other tests show nothing";
}

TEST_P(ClearPacketsTest, R16GuardAloneRefusesThemAtTheSender) {
  a->ApplyGuard();
  Wire wire(nodes_.a);
  EXPECT_EQ(Send(From(), To()), AllRefused());
  wire.Read();
  EXPECT_EQ(wire.Count(IPPROTO_UDP), 0);
  EXPECT_EQ(a->Counters().dropped_out, static_cast<std::uint64_t>(kPackets));
  EXPECT_EQ(a->Counters().dropped_in, 0U);
}

TEST_P(ClearPacketsTest, R16GuardAloneDropsThemAtTheReceiver) {
  b->ApplyGuard();
  EXPECT_EQ(Send(From(), To()), AllLost());
  EXPECT_EQ(b->Counters().dropped_in, static_cast<std::uint64_t>(kPackets));
}

TEST_P(ClearPacketsTest, R16BeltAloneRefusesThemAtTheSender) {
  a->InstallBelt();
  Wire wire(nodes_.a);
  EXPECT_EQ(Send(From(), To()), AllRefused());
  wire.Read();
  EXPECT_EQ(wire.Count(IPPROTO_UDP), 0);
}

TEST_P(ClearPacketsTest, R16BeltAloneDropsThemAtTheReceiver) {
  b->InstallBelt();
  EXPECT_EQ(Send(From(), To()), AllLost());
}

TEST_P(ClearPacketsTest, R16BeltHoldsAfterAForeignFlushOfNftables) {
  a->ApplyGuard();
  a->InstallBelt();
  ASSERT_EQ(nodes_.a.Run({"/usr/sbin/nft", "flush", "ruleset"}), "");
  EXPECT_EQ(Send(From(), To()), AllRefused());
}

TEST_P(ClearPacketsTest, R16GuardHoldsAfterAForeignFlushOfXfrm) {
  a->ApplyGuard();
  a->InstallBelt();
  ASSERT_EQ(nodes_.a.Ip("xfrm policy flush"), "");
  EXPECT_EQ(Send(From(), To()), AllRefused());
}

TEST_P(ClearPacketsTest, R16SctpIsRefusedToo) {
  const auto socket_of_a = BoundSocket(nodes_.a, SOCK_STREAM, IPPROTO_SCTP, From(), 0);
  if (!socket_of_a.valid()) GTEST_SKIP() << "this kernel has no SCTP; the lab's has";
  a->ApplyGuard();
  Wire wire(nodes_.a);
  socklen_t size = 0;
  const sockaddr_in6 there = SocketAddress(To(), 36422, &size);
  (void)connect(socket_of_a.get(), reinterpret_cast<const sockaddr*>(&there), size);
  EXPECT_GE(a->Counters().dropped_out, 1U);
  wire.Read();
  EXPECT_EQ(wire.Count(IPPROTO_SCTP), 0);
}

TEST_P(ClearPacketsTest, AdmittedPairsDoNotPassInClear) {
  for (Host* host : {a.get(), b.get()}) {
    host->spec.admitted = {{From(), 101}, {To(), 101}};
    host->ApplyGuard();
  }
  EXPECT_EQ(Send(From(), To()), AllRefused());
}

TEST_P(ClearPacketsTest, TrustedPairPassesOnItsInterfaceWithBothBelts) {
  const auto everything = *common::Cidr::Parse(From().is_v6() ? "fd09::/64" : "10.9.0.0/24");
  for (const auto& [host, local, peer] : {std::tuple(a.get(), From(), To()), std::tuple(b.get(), To(), From())}) {
    host->spec.trusted = {{peer, "x2", everything}};
    host->ApplyGuard();
    host->InstallBelt();
  }
  EXPECT_EQ(Send(From(), To()), AllRefused()) << "the belt still blocks";
  ASSERT_TRUE(a->kernel->AllowClear({From(), To()}).ok());
  EXPECT_EQ(Send(From(), To()), AllLost()) << "the belt of b still blocks";
  ASSERT_TRUE(b->kernel->AllowClear({To(), From()}).ok());
  EXPECT_EQ(Send(From(), To()), AllArrived());
  EXPECT_EQ(a->Counters().dropped_out, 0U);
  EXPECT_EQ(b->Counters().dropped_in, 0U);
  ASSERT_TRUE(a->kernel->ForbidClear({From(), To()}).ok());
  EXPECT_EQ(Send(From(), To()), AllRefused());
}

TEST_P(ClearPacketsTest, TrustedPairDoesNotPassOnAnotherInterface) {
  const auto everything = *common::Cidr::Parse(From().is_v6() ? "fd09::/64" : "10.9.0.0/24");
  a->spec.trusted = {{To(), "x3", everything}};
  a->ApplyGuard();
  EXPECT_EQ(Send(From(), To()), AllRefused());
  b->spec.trusted = {{From(), "x3", everything}};
  b->ApplyGuard();
  ASSERT_EQ(nodes_.a.Run({"/usr/sbin/nft", "flush", "ruleset"}), "");
  EXPECT_EQ(Send(From(), To()), AllLost());
  EXPECT_EQ(b->Counters().dropped_in, static_cast<std::uint64_t>(kPackets));
}

TEST_P(ClearPacketsTest, R55ServiceOfTheBackhaulIsNotReachedOutsideIt) {
  const auto listener = BoundSocket(nodes_.b, SOCK_STREAM, 0, To(), 8443);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  const auto try_connect = [&] {
    const auto client = BoundSocket(nodes_.a, SOCK_STREAM, 0, From(), 0);
    socklen_t size = 0;
    const sockaddr_in6 there = SocketAddress(To(), 8443, &size);
    (void)connect(client.get(), reinterpret_cast<const sockaddr*>(&there), size);
    pollfd ready{client.get(), POLLOUT, 0};
    int error = -1;
    socklen_t error_size = sizeof(error);
    if (poll(&ready, 1, kPatience) == 1) (void)getsockopt(client.get(), SOL_SOCKET, SO_ERROR, &error, &error_size);
    return error == 0;
  };
  EXPECT_TRUE(try_connect()) << "else this test shows nothing";
  a->spec.backhaul_reqid = 50;
  a->spec.backhaul_only = {{To(), 8443}};
  a->ApplyGuard();
  EXPECT_FALSE(try_connect());
  EXPECT_GE(a->Counters().dropped_backhaul, 1U);
  a->spec.backhaul_trusted = true;
  a->ApplyGuard();
  EXPECT_TRUE(try_connect()) << "signed policy trusts the backhaul";
}

INSTANTIATE_TEST_SUITE_P(Families, ClearPacketsTest,
                         ::testing::Values(Family{"IPv4", "10.9.0.1", "10.9.0.2"},
                                           Family{"IPv6", "fd09::1", "fd09::2"}),
                         [](const auto& family) { return family.param.name; });

}  // namespace
}  // namespace henb::tests
