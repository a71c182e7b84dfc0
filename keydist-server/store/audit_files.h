// The files of one audit chain: one that grows, and whole parts beside it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "keydist-server/domain/audit_head.h"
#include "keydist-server/domain/audit_parts.h"
#include "keydist-server/store/append_file.h"

namespace henb::keydist::store {

/// Parts beside the growing file `path`, in order. Unavailable: the folder cannot be read.
[[nodiscard]] absl::StatusOr<std::vector<domain::AuditPart>> AuditPartsOf(const std::string& path);

/// Opens the growing file (see OpenAppendFile), after it has ended what a power cut left of a roll.
[[nodiscard]] absl::StatusOr<std::unique_ptr<AppendFile>> OpenGrowingAudit(const std::string& path);

/// Where the chain stands at the end of the newest part; none when there is no part. DataLoss: its last record is not
/// one, or not the one that its name says.
[[nodiscard]] absl::StatusOr<std::optional<domain::ChainHead>> HeadOfNewestPart(const std::string& path);

/// Makes a part of the growing file and opens a new one in its place. At no moment is there none, so that a second
/// server never finds the name free. Errors: nothing has changed, or OpenGrowingAudit ends it.
[[nodiscard]] absl::StatusOr<std::unique_ptr<AppendFile>> RollAudit(const std::string& path, std::uint64_t first,
                                                                    std::uint64_t last);

/// Removes parts from the oldest on whose last record is older than `keep` and is not above the last head in the file
/// `exported`: a copy of the signed heads as they came where they are kept, brought back by whoever ships them. That
/// head must be signed with this key. Returns how many were removed; NotFound, DataLoss: `exported` holds no such head.
[[nodiscard]] absl::StatusOr<std::size_t> RemoveExportedParts(const std::string& path, const std::string& exported,
                                                              const domain::AuditHeadVerifier& verifier,
                                                              absl::Duration keep, absl::Time now);

}  // namespace henb::keydist::store
