#include "henb-x2sec/app/links/prober.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace henb::x2sec::app {
namespace {

common::IpAddress Ip(std::string_view text) { return *common::IpAddress::Parse(text); }

/// Echo requests of the prober's that arrive within a second.
int CountRequests(int fd, bool v6) {
  int count = 0;
  pollfd poll_fd{.fd = fd, .events = POLLIN, .revents = 0};
  while (poll(&poll_fd, 1, 1000) == 1) {
    std::array<std::uint8_t, 256> packet{};
    const ssize_t got = recv(fd, packet.data(), packet.size(), 0);
    const std::size_t header = v6 ? 0 : (packet[0] & 15U) * 4U;
    if (got < static_cast<ssize_t>(header) + 8) continue;
    if (packet[header] == (v6 ? 128 : 8) && packet[header + 4] == 'X' && packet[header + 5] == '2') {
      if (++count == 2) break;
    }
  }
  return count;
}

void ExpectArrives(int family, int protocol, const char* address) {
  const common::UniqueFd listener(socket(family, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!listener.valid()) GTEST_SKIP() << "needs CAP_NET_RAW";
  Prober prober;
  prober.Probe(Ip(address), Ip(address));
  prober.Probe(Ip(address), Ip(address));
  EXPECT_EQ(CountRequests(listener.get(), family == AF_INET6), 2);
}

TEST(Prober, SendsEchoRequests) { ExpectArrives(AF_INET, IPPROTO_ICMP, "127.0.0.1"); }
TEST(Prober, SendsEchoRequestsOfIpv6) { ExpectArrives(AF_INET6, IPPROTO_ICMPV6, "::1"); }

TEST(Prober, WhatCannotBeSentIsHarmless) {
  Prober prober;
  prober.Probe(Ip("192.0.2.1"), Ip("192.0.2.2"));
  prober.Probe(Ip("192.0.2.1"), Ip("2001:db8::2"));
}

}  // namespace
}  // namespace henb::x2sec::app
