// Which reqid each neighbour has, for ever.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/henb_id.h"

namespace henb::x2sec::app {

/// A neighbour keeps its reqid (1–16379, never the backhaul's) across restarts and removals: it joins pluto, kernel and
/// guard. Stored in `path` (JSON, replaced atomically). Loop thread.
class ReqidStore {
 public:
  /// A missing file is an empty store. InvalidArgument for a damaged one: it names the place; nothing is guessed.
  [[nodiscard]] static absl::StatusOr<ReqidStore> Open(std::string path, std::optional<int> reserved);
  /// Allocates and stores durably at first use. ResourceExhausted when all are given away (those of removed neighbours
  /// are not reused while others are left).
  [[nodiscard]] absl::StatusOr<int> For(const common::HenbId& neighbour);
  /// Every reqid ever given.
  [[nodiscard]] std::set<int> All() const;

 private:
  std::string path_;
  std::optional<int> reserved_;
  std::map<common::HenbId, int> reqids_;
};

}  // namespace henb::x2sec::app
