// The same with ESP: SAs by hand.
#pragma once

#include <linux/netlink.h>
#include <linux/xfrm.h>

#include <optional>
#include <string>

#include "tests/support/packets_test.h"

namespace henb::tests {

inline constexpr int kReqid = 101;

/// Hears what the kernel asks IKE daemons for, as pluto would.
class AcquireListener {
 public:
  explicit AcquireListener(const Node& node) {
    node.Enter();
    fd_ = common::UniqueFd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_XFRM));
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = XFRMGRP_ACQUIRE;
    (void)bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  }
  int Read() {
    std::array<char, 4096> buffer{};
    int n = 0;
    while (recv(fd_.get(), buffer.data(), buffer.size(), 0) > 0) ++n;
    return n;
  }

 private:
  common::UniqueFd fd_;
};

/// SAs with keys by hand, the same at both ends.
class EspTest : public PacketsTest {
 protected:
  void SetUp() override {
    PacketsTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    const std::string said = nodes_.a.Ip(StateAdd(0x1, 1, a_address_, b_address_, "tunnel"));
    if (!said.empty()) GTEST_SKIP() << "this kernel has no ESP; the lab's has: " << said;
    ASSERT_EQ(nodes_.a.Ip("xfrm state flush"), "");
  }
  static std::string StateAdd(std::uint32_t spi, int reqid, const common::IpAddress& from, const common::IpAddress& to,
                              const std::string& mode) {
    return "xfrm state add src " + from.ToString() + " dst " + to.ToString() + " proto esp spi " + std::to_string(spi) +
           " reqid " + std::to_string(reqid) + " mode " + mode +
           " replay-window 32 aead rfc4106(gcm(aes)) 0x00112233445566778899aabbccddeeff00112233 128";
  }
  void AddSa(std::uint32_t spi, int reqid, const common::IpAddress& from, const common::IpAddress& to,
             const std::string& mode = "tunnel") {
    ASSERT_EQ(nodes_.a.Ip(StateAdd(spi, reqid, from, to, mode)), "");
    ASSERT_EQ(nodes_.b.Ip(StateAdd(spi, reqid, from, to, mode)), "");
  }
  void DeleteSa(std::uint32_t spi) {
    ASSERT_EQ(nodes_.a.Ip("xfrm state delete src 10.9.0.1 dst 10.9.0.2 proto esp spi " + std::to_string(spi)), "");
  }
  x2sec::core::Pin PinOfA(std::optional<std::uint32_t> spi) const {
    x2sec::core::Pin pin;
    pin.local = pin.local_end = a_address_;
    pin.peer = pin.peer_end = b_address_;
    pin.reqid = kReqid;
    pin.spi_out = spi;
    return pin;
  }
  x2sec::core::Pin PinOfB(std::optional<std::uint32_t> spi) const {
    x2sec::core::Pin pin = PinOfA(spi);
    std::swap(pin.local, pin.peer);
    std::swap(pin.local_end, pin.peer_end);
    return pin;
  }
  /// Guard and belt at both ends, the pair admitted with kReqid.
  void BothBelts() {
    for (const auto& [host, peer] : {std::pair(a.get(), b_address_), std::pair(b.get(), a_address_)}) {
      host->spec.admitted = {{peer, kReqid}};
      host->ApplyGuard();
      host->InstallBelt();
    }
  }

  common::IpAddress a_address_ = Address("10.9.0.1");
  common::IpAddress b_address_ = Address("10.9.0.2");
};

}  // namespace henb::tests
