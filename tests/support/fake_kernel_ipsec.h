// A kernel's IPsec in memory.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/strings.h"
#include "henb-x2sec/core/ports/kernel_ipsec.h"

namespace henb::tests {

/// Behaves as XfrmKernel does towards its caller (tests/conformance/kernel_ipsec). Tests play the IKE daemon by AddSa
/// and EndSa, other people by Flush and BreakPin, and a failing kernel by `failure`. One thread.
class FakeKernelIpsec final : public x2sec::core::KernelIpsec {
 public:
  using Pair = std::pair<common::IpAddress, common::IpAddress>;  ///< Local, peer.

  absl::Status failure;            ///< Answer of every change and snapshot while it is not OK.
  std::vector<std::string> calls;  ///< "SetPin 10.9.0.1 10.9.0.2 0x0000abcd", in their order.

  absl::StatusOr<x2sec::core::KernelSnapshot> Snapshot() override {
    if (!failure.ok()) return failure;
    x2sec::core::KernelSnapshot snapshot;
    snapshot.sas = sas_;
    for (const auto& [pair, pin] : pins_)
      (broken_.contains(pair) ? snapshot.broken_pins : snapshot.pins).push_back(pin);
    for (const auto& [local, peer] : clear_) snapshot.clear_pairs.push_back({local, peer});
    for (const auto& [key, pin] : tunnel_pins_) snapshot.tunnel_pins.push_back(pin);
    snapshot.belt_whole = belt_;
    return snapshot;
  }
  absl::Status InstallBelt() override {
    calls.emplace_back("InstallBelt");
    if (failure.ok()) belt_ = true;
    return failure;
  }
  absl::Status SetPin(const x2sec::core::Pin& pin) override {
    const std::string spi = pin.spi_out ? common::StrCat("0x", absl::Hex(*pin.spi_out, absl::kZeroPad8)) : "none";
    calls.push_back(common::StrCat("SetPin ", pin.local.ToString(), " ", pin.peer.ToString(), " ", spi));
    if (!failure.ok()) return failure;
    if (pin.local.family() == AF_UNSPEC || pin.local.family() != pin.peer.family() || pin.reqid <= 0 ||
        pin.spi_out == 0U || pin.local_end.family() == AF_UNSPEC || pin.local_end.family() != pin.peer_end.family()) {
      return absl::InvalidArgumentError("not a pin");
    }
    const Pair pair{pin.local, pin.peer};
    clear_.erase(pair);
    broken_.erase(pair);
    pins_[pair] = pin;
    return absl::OkStatus();
  }
  absl::Status RemovePin(const common::IpAddress& local, const common::IpAddress& peer) override {
    calls.push_back(common::StrCat("RemovePin ", local.ToString(), " ", peer.ToString()));
    if (!failure.ok()) return failure;
    broken_.erase({local, peer});
    pins_.erase({local, peer});
    return absl::OkStatus();
  }
  absl::Status SetTunnelPin(const x2sec::core::TunnelPin& pin) override {
    calls.push_back(common::StrCat("SetTunnelPin ", pin.local.ToString(), " ", pin.network.ToString(), " ", pin.reqid));
    if (!failure.ok()) return failure;
    const int longest = pin.network.network().is_v6() ? 128 : 32;
    if (pin.local.family() == AF_UNSPEC || pin.local.family() != pin.network.network().family() || pin.reqid <= 0 ||
        pin.spi_out == 0U || pin.local_end.family() == AF_UNSPEC || pin.local_end.family() != pin.peer_end.family() ||
        pin.network.prefix_length() >= longest || pin.network.Contains(pin.local)) {
      return absl::InvalidArgumentError("not a tunnel's pin");
    }
    tunnel_pins_[{pin.local, pin.network}] = pin;
    return absl::OkStatus();
  }
  absl::Status RemoveTunnelPin(const common::IpAddress& local, const common::Cidr& network) override {
    calls.push_back(common::StrCat("RemoveTunnelPin ", local.ToString(), " ", network.ToString()));
    if (failure.ok()) tunnel_pins_.erase({local, network});
    return failure;
  }
  absl::Status AllowClear(const x2sec::core::ClearPair& pair) override {
    calls.push_back(common::StrCat("AllowClear ", pair.local.ToString(), " ", pair.peer.ToString()));
    if (!failure.ok()) return failure;
    pins_.erase({pair.local, pair.peer});
    clear_.insert({pair.local, pair.peer});
    return absl::OkStatus();
  }
  absl::Status ForbidClear(const x2sec::core::ClearPair& pair) override {
    calls.push_back(common::StrCat("ForbidClear ", pair.local.ToString(), " ", pair.peer.ToString()));
    if (failure.ok()) clear_.erase({pair.local, pair.peer});
    return failure;
  }
  absl::Status DeleteSa(const x2sec::core::SaInfo& sa) override {
    calls.push_back(common::StrCat("DeleteSa 0x", absl::Hex(sa.spi, absl::kZeroPad8)));
    if (failure.ok()) EndSa(sa.spi);
    return failure;
  }
  int event_fd() const override { return -1; }
  std::vector<x2sec::core::SaEvent> ReadEvents() override { return std::exchange(events_, {}); }

  /// What others do.
  void AddSa(const x2sec::core::SaInfo& sa) {
    sas_.push_back(sa);
    events_.push_back({x2sec::core::SaEvent::Kind::kAdded, sa.spi, sa.reqid});
  }
  void EndSa(std::uint32_t spi) {
    const auto found = std::find_if(sas_.begin(), sas_.end(), [&](const auto& sa) { return sa.spi == spi; });
    if (found == sas_.end()) return;
    events_.push_back({x2sec::core::SaEvent::Kind::kDeleted, spi, found->reqid});
    sas_.erase(found);
  }
  void CountBytes(std::uint32_t spi, std::uint64_t bytes) {
    for (auto& sa : sas_) {
      if (sa.spi == spi) sa.bytes += bytes;
    }
  }
  /// "ip xfrm policy flush" and "ip xfrm state flush".
  void Flush() {
    FlushPolicies();
    sas_.clear();
    events_.push_back({x2sec::core::SaEvent::Kind::kLost, 0, 0});
  }
  void FlushPolicies() {
    pins_.clear();
    tunnel_pins_.clear();
    broken_.clear();
    clear_.clear();
    belt_ = false;
    events_.push_back({x2sec::core::SaEvent::Kind::kPolicyChanged, 0, 0});
  }
  void BreakPin(const Pair& pair) {
    broken_.insert(pair);
    events_.push_back({x2sec::core::SaEvent::Kind::kPolicyChanged, 0, 0});
  }

 private:
  std::vector<x2sec::core::SaInfo> sas_;
  std::map<Pair, x2sec::core::Pin> pins_;
  std::map<std::pair<common::IpAddress, common::Cidr>, x2sec::core::TunnelPin> tunnel_pins_;
  std::set<Pair> broken_;
  std::set<Pair> clear_;
  bool belt_ = false;
  std::vector<x2sec::core::SaEvent> events_;
};

}  // namespace henb::tests
