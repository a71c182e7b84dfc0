// One packet through a new SA, so that the other end sees it carry.
#pragma once

#include "common/ip_address.h"
#include "common/unique_fd.h"

namespace henb::x2sec::app {

/// Sends ICMP and ICMPv6 echo requests (RFC 792, RFC 4443). They are no protected traffic: pluto's own policy for the
/// address pair encrypts them with the newest SA, or the kernel drops them; nothing waits for the answers. Loop thread;
/// never blocks.
class Prober {
 public:
  Prober();
  /// A failure is only logged at debug level: probes are repeated.
  void Probe(const common::IpAddress& local, const common::IpAddress& peer);

 private:
  common::UniqueFd v4_;
  common::UniqueFd v6_;
  std::uint16_t sequence_ = 0;
};

}  // namespace henb::x2sec::app
