// The tables of the SQLite store, and how a file of an older release is brought forward.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "common/sqlite/sqlite_database.h"

namespace henb::keydist::store {

/// 2 was a file of schema 1 whose service had been moved to another store.
constexpr std::uint64_t kSqliteSchema = 3;

/// Makes the tables of a new file; brings those of an older one forward, all steps in one transaction, so that what
/// breaks it off leaves the file as it was. True: the service of this file was moved to another store.
/// FailedPrecondition: a newer release wrote the file; it is left as it is. DataLoss: it has no schema.
[[nodiscard]] absl::StatusOr<bool> PrepareSqliteSchema(common::SqliteDatabase& database);

}  // namespace henb::keydist::store
