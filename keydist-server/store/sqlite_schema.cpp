#include "keydist-server/store/sqlite_schema.h"

#include <algorithm>
#include <string>

#include "common/log.h"
#include "common/status.h"

namespace henb::keydist::store {
namespace {

using common::SqliteDatabase;
using common::SqliteStatement;
using common::SqliteTransaction;

constexpr char kTables[] = R"(
CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE henb(id TEXT PRIMARY KEY, state INTEGER NOT NULL, generation INTEGER NOT NULL,
  anchors BLOB NOT NULL, groups TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE pair_rule(lower TEXT NOT NULL, higher TEXT NOT NULL, rule INTEGER NOT NULL,
  PRIMARY KEY(lower, higher)) WITHOUT ROWID;
CREATE TABLE epoch(number INTEGER PRIMARY KEY, activates_us INTEGER NOT NULL, sealed BLOB NOT NULL);
CREATE TABLE kek(only INTEGER PRIMARY KEY CHECK(only=1), id BLOB NOT NULL, since_us INTEGER NOT NULL);
INSERT INTO meta VALUES('schema', 3), ('revision', 0);
)";

/// A released schema is never changed: what is new is a step.
struct Step {
  std::uint64_t from;
  std::uint64_t to;
  const char* sql;
};
constexpr Step kSteps[] = {
    {.from = 2, .to = 1, .sql = "INSERT INTO meta VALUES('moved', 1)"},
    {.from = 1,
     .to = 3,
     .sql = "CREATE TABLE kek(only INTEGER PRIMARY KEY CHECK(only=1), id BLOB NOT NULL, since_us INTEGER NOT NULL)"},
};

absl::StatusOr<std::uint64_t> ReadNumber(SqliteDatabase& database, std::string_view sql, std::uint64_t otherwise) {
  SqliteStatement read(database, sql);
  ASSIGN_OR_RETURN(const bool row, read.Step());
  return row ? read.Number(0) : otherwise;
}

absl::Status Forward(SqliteDatabase& database, std::uint64_t* schema) {
  if (*schema > kSqliteSchema) {
    return absl::FailedPreconditionError(
        common::StrCat("was written by a newer release (schema ", *schema, ", this one knows up to ", kSqliteSchema,
                       "): run that one, or restore the backup from before the upgrade"));
  }
  while (*schema != kSqliteSchema) {
    const auto* const step =
        std::find_if(std::begin(kSteps), std::end(kSteps), [&](const Step& one) { return one.from == *schema; });
    if (step == std::end(kSteps)) return absl::DataLossError(common::StrCat("there never was a schema ", *schema));
    RETURN_IF_ERROR(database.Execute(step->sql));
    SqliteStatement write(database, "UPDATE meta SET value=? WHERE name='schema'");
    RETURN_IF_ERROR(write.Bind(step->to).Run());
    *schema = step->to;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> PrepareSqliteSchema(SqliteDatabase& database) {
  SqliteTransaction transaction(database);
  RETURN_IF_ERROR(transaction.Begin());
  ASSIGN_OR_RETURN(const std::uint64_t tables,
                   ReadNumber(database, "SELECT count(*) FROM sqlite_master WHERE type='table'", 0));
  if (tables == 0) {
    RETURN_IF_ERROR(database.Execute(kTables));
    RETURN_IF_ERROR(transaction.Commit());
    return false;
  }
  ASSIGN_OR_RETURN(std::uint64_t schema, ReadNumber(database, "SELECT value FROM meta WHERE name='schema'", 0));
  const std::uint64_t before = schema;
  RETURN_IF_ERROR(Forward(database, &schema));
  ASSIGN_OR_RETURN(const std::uint64_t moved, ReadNumber(database, "SELECT value FROM meta WHERE name='moved'", 0));
  if (before == schema) return moved != 0;  // Rolled back: there is nothing to be written.
  RETURN_IF_ERROR(transaction.Commit());
  common::LogInfo("store_migrated", {{"from", before}, {"to", schema}});
  return moved != 0;
}

}  // namespace henb::keydist::store
