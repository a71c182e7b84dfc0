// The guard through the `nft` program.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/process_runner.h"
#include "henb-x2sec/core/ports/guard.h"
#include "henb-x2sec/guard/guard_listing.h"
#include "henb-x2sec/guard/nft_events.h"

namespace henb::x2sec::guard {

/// Owns the watch on nftables, not the table: that stays when this object or the process goes. Works in the network
/// namespace of the thread that calls. Every Apply starts from what the kernel holds, so it adopts a table that an
/// earlier process left. One thread at a time; two to four runs of nft an Apply at most.
class NftGuard final : public core::Guard {
 public:
  static constexpr const char* kNft = "/usr/sbin/nft";

  /// `runner` outlives the guard. PermissionDenied without CAP_NET_ADMIN.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<NftGuard>> Open(common::ProcessRunner& runner,
                                                                      std::string nft = kNft);

  /// Elements only when the rules are as they should be; else the table is replaced as a whole, its counters going on.
  /// InvalidArgument: see Render. Internal: nft refused, with its words. Unavailable: nft could not be run.
  [[nodiscard]] absl::Status Apply(const core::GuardSpec& spec) override;
  /// Compares every set, element, chain, rule and hook.
  [[nodiscard]] absl::StatusOr<bool> InPlace(const core::GuardSpec& spec) override;
  /// NotFound when there is no table.
  [[nodiscard]] absl::StatusOr<core::GuardCounters> Counters() override;
  [[nodiscard]] int event_fd() const override { return events_.fd(); }
  [[nodiscard]] bool ReadEvents() override { return events_.Read(); }

  /// What the kernel holds; nullopt when there is no table of ours.
  [[nodiscard]] absl::StatusOr<std::optional<Listing>> List();

 private:
  NftGuard(common::ProcessRunner& runner, std::string nft, NftEvents events);
  absl::Status RunScript(const std::string& script);
  absl::Status Replace(const TableContent& table);
  bool SameStructure(const TableContent& wanted, const TableContent& there) const;

  common::ProcessRunner& runner_;
  std::string nft_;
  NftEvents events_;
  CounterValues counters_;  ///< As seen last: they go on after somebody's flush.
  /// How this nft prints a structure of ours where it does so in words of its own.
  std::map<std::string, std::string> printed_as_;
};

}  // namespace henb::x2sec::guard
