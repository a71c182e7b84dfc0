// Which changes of nftables concern the guard's table, told by the kernel (NFNLGRP_NFTABLES).
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "absl/status/statusor.h"
#include "common/unique_fd.h"

namespace henb::x2sec::guard {

/// Owns a netlink socket of the network namespace of the thread that opened it. One thread at a time.
class NftEvents {
 public:
  /// PermissionDenied without CAP_NET_ADMIN.
  [[nodiscard]] static absl::StatusOr<NftEvents> Open();
  [[nodiscard]] int fd() const { return socket_.get(); }
  /// One transaction of ours went through: the next one seen that touches the table is taken for it.
  void ExpectOwn() { ++own_; }
  /// Reads what waits. True when more transactions touched the table than were ours, or when events were lost.
  [[nodiscard]] bool Read();

  /// For Read and for tests: one datagram.
  [[nodiscard]] bool Take(std::span<const std::uint8_t> datagram);
  explicit NftEvents(common::UniqueFd socket) : socket_(std::move(socket)) {}

 private:
  common::UniqueFd socket_;
  int own_ = 0;
  bool touched_ = false;  ///< By the transaction that is being read.
};

}  // namespace henb::x2sec::guard
