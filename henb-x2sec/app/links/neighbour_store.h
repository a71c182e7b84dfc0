// The neighbours this HeNB has been told of, by whom.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "policy/facts.h"

namespace henb::x2sec::app {

/// Records from OAM (control calls) are stored in `path` (JSON, replaced atomically before memory changes) and survive
/// restarts; reported ones (RRM/SON, UNVERIFIED) and what the key service tells (KEYDIST) live in memory. Loop thread.
class NeighbourStore {
 public:
  [[nodiscard]] static absl::StatusOr<NeighbourStore> Open(std::string path);

  /// Adds or replaces OAM's record.
  [[nodiscard]] absl::Status Put(const policy::NeighbourRecord& record);
  /// NotFound when OAM named no such neighbour.
  [[nodiscard]] absl::Status Remove(const common::HenbId& id);
  /// Afterwards OAM's records are these. All or nothing.
  [[nodiscard]] absl::Status Replace(const std::vector<policy::NeighbourRecord>& records);
  void Report(const policy::NeighbourRecord& record);
  void LearnFromKeydist(const common::HenbId& id, const policy::NeighbourFacts& facts);

  /// OAM's and reported ones, in order of identity.
  [[nodiscard]] std::vector<common::HenbId> Ids() const;
  [[nodiscard]] bool Knows(const common::HenbId& id) const;
  /// Everything known of it, the stronger source first.
  [[nodiscard]] policy::NeighbourFacts FactsOf(const common::HenbId& id) const;
  /// The record that addresses are taken from: OAM's, else the reported one.
  [[nodiscard]] const policy::NeighbourRecord* RecordOf(const common::HenbId& id) const;
  [[nodiscard]] const std::map<common::HenbId, policy::NeighbourRecord>& FromOam() const { return oam_; }
  /// As JSON objects with `source` added, for `neighbour list`.
  [[nodiscard]] std::vector<std::string> ToJson() const;

 private:
  [[nodiscard]] absl::Status Save(const std::map<common::HenbId, policy::NeighbourRecord>& records) const;
  std::string path_;
  std::map<common::HenbId, policy::NeighbourRecord> oam_;
  std::map<common::HenbId, policy::NeighbourRecord> reported_;
  std::map<common::HenbId, policy::NeighbourFacts> keydist_;
};

}  // namespace henb::x2sec::app
