// Which changes of nftables concern the guard's table, told by the kernel (NFNLGRP_NFTABLES).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <utility>

#include "absl/status/statusor.h"
#include "common/unique_fd.h"

namespace henb::x2sec::guard {

/// Owns a netlink socket of the network namespace of the thread that opened it. Any thread.
class NftEvents {
 public:
  /// PermissionDenied without CAP_NET_ADMIN.
  [[nodiscard]] static absl::StatusOr<NftEvents> Open();
  explicit NftEvents(common::UniqueFd socket) : socket_(std::move(socket)) {}

  [[nodiscard]] int fd() const { return socket_.get(); }
  /// Before a transaction of ours: one that touches the table will be ours. The kernel's events tell no more than how
  /// many there were, so a foreign one that comes first passes for ours, and ours, right behind it, for foreign: the
  /// sum is right.
  void ExpectOwn();
  /// After a transaction of ours that failed: none will come.
  void OwnFailed();
  /// Reads what waits. True when more transactions touched the table than were ours, or when events were lost.
  [[nodiscard]] bool Read();
  /// For Read and for tests: one datagram.
  void Take(std::span<const std::uint8_t> datagram);

 private:
  void Ended();
  struct State {
    std::mutex mutex;
    int own = 0;           ///< Transactions of ours that have not been seen yet.
    bool touched = false;  ///< The table, by the transaction that is being read.
    bool foreign = false;  ///< Not told yet.
  };
  common::UniqueFd socket_;
  std::unique_ptr<State> state_ = std::make_unique<State>();
};

}  // namespace henb::x2sec::guard
