// What is saved of a key service, as JSON lines (R45). Pure: no root, no key has a place in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keydist-server/domain/audit_record.h"
#include "keydist-server/domain/henb_record.h"

namespace henb::keydist::domain {

struct Backup {
  absl::Time made;  ///< To the second.
  std::vector<HenbRecord> henbs;
  std::vector<std::pair<PairId, PairRule>> pairs;
  std::uint64_t highest_epoch = 0;  ///< The highest that was ever made.
  ChainHead audit;
};

/// The lines: {"format":"henb.keydist.backup","schema":1,"made":…}, one {"henb":…} for each record, removed ones too,
/// one
/// {"pair":…} for each exception, {"end":{"henbs":…,"pairs":…,"highest_epoch":…,"audit_sequence":…,"audit_hash":…}},
/// and {"sha256":"<64 hex>"} of all octets before that line.
[[nodiscard]] std::string WriteBackup(const Backup& backup);

/// InvalidArgument names the line: another format or schema, damage (the digest is checked before anything else is
/// believed), unknown members, a record that the service would not take.
[[nodiscard]] absl::StatusOr<Backup> ReadBackup(std::string_view text);

/// Where a restored service begins.
struct RestoreOptions {
  std::uint64_t above_epoch = 0;  ///< The operator's word, from an audit head: no epoch up to it is used again.
  std::uint32_t raise_generations = 1000;  ///< More than any HeNB was suspended, removed or rotated since the backup.
};
struct RestorePlan {
  std::vector<HenbRecord> henbs;  ///< With generations raised.
  std::uint64_t last_epoch = 0;   ///< Every one up to it counts as destroyed.
};
/// `audited_epoch` is the highest that the audit file at hand names. Epochs of `epoch_length` that may have been made
/// between the backup and `now` are left out too, twice over. InvalidArgument: a generation that cannot be raised,
/// raise_generations 0.
[[nodiscard]] absl::StatusOr<RestorePlan> PlanRestore(const Backup& backup, const RestoreOptions& options,
                                                      std::uint64_t audited_epoch, absl::Duration epoch_length,
                                                      absl::Time now);

}  // namespace henb::keydist::domain
