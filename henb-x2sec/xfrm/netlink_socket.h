// A netlink socket (netlink(7)) whose buffers may carry SA keys.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/secret_bytes.h"

struct mnl_socket;

namespace henb::x2sec::xfrm {

/// Owns the socket and one receive buffer, which is zeroised after each use. One thread at a time.
class NetlinkSocket {
 public:
  enum class Wait { kUntilDeadline /* 2 s */, kNever };

  /// `groups`: bit mask of multicast groups. PermissionDenied without CAP_NET_ADMIN, Unimplemented when the kernel
  /// lacks it.
  [[nodiscard]] static absl::StatusOr<NetlinkSocket> Open(int protocol, std::uint32_t groups, Wait wait);
  NetlinkSocket(NetlinkSocket&&) noexcept = default;
  NetlinkSocket& operator=(NetlinkSocket&&) noexcept = default;

  [[nodiscard]] int fd() const;
  [[nodiscard]] std::uint32_t port() const;
  /// Messages in one datagram; the kernel takes them in their order.
  [[nodiscard]] absl::Status Send(std::span<const std::uint8_t> messages);

  enum class Received { kData, kNothing, kLost /* the kernel had to drop messages, or one did not fit */ };
  /// One datagram of the kernel's, shown to `use`. DeadlineExceeded for Wait::kUntilDeadline.
  [[nodiscard]] absl::StatusOr<Received> Receive(const std::function<void(std::span<const std::uint8_t>)>& use);

 private:
  struct Close {
    void operator()(mnl_socket* socket) const;
  };
  NetlinkSocket(mnl_socket* socket, Wait wait);
  std::unique_ptr<mnl_socket, Close> socket_;
  Wait wait_;
  common::SecretBytes buffer_;
};

}  // namespace henb::x2sec::xfrm
