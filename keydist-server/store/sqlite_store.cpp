#include "keydist-server/store/sqlite_store.h"

#include "common/status.h"
#include "keydist-server/store/sqlite_schema.h"

namespace henb::keydist::store {

using common::SqliteDatabase;
using common::SqliteStatement;
using common::SqliteTransaction;

namespace {

std::string PackAnchors(const domain::HenbRecord& record) {
  std::string packed;
  for (const common::SpkiHash& anchor : record.anchors) packed.append(anchor.bytes());
  return packed;
}

/// Columns: id, state, generation, anchors, groups.
absl::StatusOr<domain::HenbRecord> Unpack(const SqliteStatement& row) {
  domain::HenbRecord record;
  ASSIGN_OR_RETURN(record.id, common::HenbId::Parse(row.Bytes(0)));
  const std::uint64_t state = row.Number(1);
  if (state < 1 || state > 3) return absl::DataLossError(common::StrCat(record.id.str(), ": state ", state));
  record.state = static_cast<domain::HenbState>(state);
  record.generation = static_cast<std::uint32_t>(row.Number(2));
  for (std::string_view rest = row.Bytes(3); !rest.empty();) {
    ASSIGN_OR_RETURN(common::SpkiHash anchor, common::Sha256Digest::FromBytes(rest.substr(0, 32)));
    record.anchors.push_back(anchor);
    rest.remove_prefix(32);
  }
  const std::string_view groups = row.Bytes(4);
  if (!groups.empty()) {
    for (const std::string_view group : common::Split(groups, ' ')) record.groups.emplace_back(group);
  }
  return record;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(const std::string& path) {
  ASSIGN_OR_RETURN(SqliteDatabase database, SqliteDatabase::Open(path));
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(database)));
  ASSIGN_OR_RETURN_CTX(store->moved_, PrepareSqliteSchema(store->database_), path);
  return store;
}

absl::Status SqliteStore::Fill(const std::vector<domain::HenbRecord>& henbs,
                               const std::vector<std::pair<domain::PairId, domain::PairRule>>& pairs,
                               std::uint64_t last_epoch) {
  const std::lock_guard lock(mutex_);
  SqliteTransaction transaction(database_);
  RETURN_IF_ERROR(Begin(&transaction));
  ASSIGN_OR_RETURN(const std::uint64_t revision, ReadRevision());
  if (revision != 0) return absl::FailedPreconditionError("is not empty: a restore needs a new one");
  for (const domain::HenbRecord& record : henbs) RETURN_IF_ERROR(Insert(record));
  for (const auto& [pair, rule] : pairs) {
    SqliteStatement write(database_, "INSERT INTO pair_rule VALUES(?, ?, ?)");
    write.BindText(pair.lower().str()).BindText(pair.higher().str()).Bind(static_cast<std::uint64_t>(rule));
    RETURN_IF_ERROR(write.Run());
  }
  SqliteStatement write(database_, "INSERT INTO epoch VALUES(?, 0, x'')");
  RETURN_IF_ERROR(write.Bind(last_epoch).Run());
  RETURN_IF_ERROR(database_.Execute("UPDATE meta SET value=1 WHERE name='revision'"));
  return transaction.Commit();
}

absl::Status SqliteStore::CheckWritable() {
  const std::lock_guard lock(mutex_);
  if (moved_ || frozen_) return absl::OkStatus();  // It says so itself.
  SqliteTransaction transaction(database_);
  RETURN_IF_ERROR(transaction.Begin());
  // What is written must differ: SQLite does not write what is there already.
  RETURN_IF_ERROR(
      database_.Execute("INSERT INTO meta VALUES('write_tried', 1) ON CONFLICT(name) DO UPDATE SET value=value+1"));
  return transaction.Commit();
}

absl::StatusOr<std::uint64_t> SqliteStore::ReadRevision() {
  SqliteStatement read(database_, "SELECT value FROM meta WHERE name='revision'");
  ASSIGN_OR_RETURN(const bool row, read.Step());
  if (!row) return absl::DataLossError("the store has no revision");
  return read.Number(0);
}

absl::StatusOr<std::uint64_t> SqliteStore::Finish(SqliteTransaction* transaction, decltype(Change::what) what) {
  RETURN_IF_ERROR(database_.Execute("UPDATE meta SET value=value+1 WHERE name='revision'"));
  ASSIGN_OR_RETURN(const std::uint64_t revision, ReadRevision());
  RETURN_IF_ERROR(transaction->Commit());
  if (listener_) listener_(Change{.revision = revision, .what = std::move(what)});
  return revision;
}

absl::StatusOr<std::optional<domain::HenbRecord>> SqliteStore::Read(const common::HenbId& id) {
  SqliteStatement read(database_, "SELECT id, state, generation, anchors, groups FROM henb WHERE id=?");
  read.BindText(id.str());
  ASSIGN_OR_RETURN(const bool row, read.Step());
  if (!row) return std::optional<domain::HenbRecord>();
  ASSIGN_OR_RETURN(domain::HenbRecord record, Unpack(read));
  return std::optional<domain::HenbRecord>(std::move(record));
}

absl::StatusOr<std::uint64_t> SqliteStore::CreateHenb(const domain::HenbRecord& record) {
  const std::lock_guard lock(mutex_);
  SqliteTransaction transaction(database_);
  RETURN_IF_ERROR(Begin(&transaction));
  ASSIGN_OR_RETURN(const std::optional<domain::HenbRecord> there, Read(record.id));
  if (there) return absl::AlreadyExistsError(common::StrCat(record.id.str(), " is registered already"));
  RETURN_IF_ERROR(Insert(record));
  return Finish(&transaction, record);
}

absl::StatusOr<std::vector<absl::Status>> SqliteStore::CreateHenbs(const std::vector<domain::HenbRecord>& records) {
  const std::lock_guard lock(mutex_);
  SqliteTransaction transaction(database_);
  RETURN_IF_ERROR(Begin(&transaction));
  ASSIGN_OR_RETURN(std::uint64_t revision, ReadRevision());
  std::vector<absl::Status> statuses(records.size());
  std::vector<Change> changes;
  for (std::size_t i = 0; i < records.size(); ++i) {
    ASSIGN_OR_RETURN(const std::optional<domain::HenbRecord> there, Read(records[i].id));
    if (there) {
      statuses[i] = absl::AlreadyExistsError(common::StrCat(records[i].id.str(), " is registered already"));
      continue;
    }
    RETURN_IF_ERROR(Insert(records[i]));
    changes.push_back({.revision = ++revision, .what = records[i]});
  }
  SqliteStatement write(database_, "UPDATE meta SET value=? WHERE name='revision'");
  RETURN_IF_ERROR(write.Bind(revision).Run());
  RETURN_IF_ERROR(transaction.Commit());
  for (const Change& change : changes) {
    if (listener_) listener_(change);
  }
  return statuses;
}

absl::Status SqliteStore::Insert(const domain::HenbRecord& record) {
  SqliteStatement write(database_, "INSERT INTO henb VALUES(?, ?, ?, ?, ?)");
  write.BindText(record.id.str()).Bind(static_cast<std::uint64_t>(record.state)).Bind(record.generation);
  write.BindBlob(PackAnchors(record)).BindText(common::Join(record.groups, " "));
  return write.Run();
}

absl::StatusOr<std::uint64_t> SqliteStore::UpdateHenb(const domain::HenbRecord& before,
                                                      const domain::HenbRecord& after) {
  const std::lock_guard lock(mutex_);
  SqliteTransaction transaction(database_);
  RETURN_IF_ERROR(Begin(&transaction));
  ASSIGN_OR_RETURN(const std::optional<domain::HenbRecord> there, Read(before.id));
  if (!there) return absl::NotFoundError(common::StrCat("no HeNB ", before.id.str()));
  if (*there != before) return absl::AbortedError(common::StrCat(before.id.str(), " changed meanwhile"));
  if (before == after) return ReadRevision();
  SqliteStatement write(database_, "UPDATE henb SET state=?, generation=?, anchors=?, groups=? WHERE id=?");
  write.Bind(static_cast<std::uint64_t>(after.state)).Bind(after.generation).BindBlob(PackAnchors(after));
  write.BindText(common::Join(after.groups, " ")).BindText(after.id.str());
  RETURN_IF_ERROR(write.Run());
  return Finish(&transaction, after);
}

absl::StatusOr<std::optional<domain::HenbRecord>> SqliteStore::FindHenb(const common::HenbId& id) {
  const std::lock_guard lock(mutex_);
  return Read(id);
}

absl::Status SqliteStore::ReadHenbs(const HenbVisitor& visit) {
  SqliteStatement read(database_, "SELECT id, state, generation, anchors, groups FROM henb ORDER BY id");
  while (true) {
    ASSIGN_OR_RETURN(const bool row, read.Step());
    if (!row) return absl::OkStatus();
    ASSIGN_OR_RETURN(domain::HenbRecord record, Unpack(read));
    visit(std::move(record));
  }
}

absl::Status SqliteStore::ReadPairRules(const PairVisitor& visit) {
  SqliteStatement read(database_, "SELECT lower, higher, rule FROM pair_rule ORDER BY lower, higher");
  while (true) {
    ASSIGN_OR_RETURN(const bool row, read.Step());
    if (!row) return absl::OkStatus();
    ASSIGN_OR_RETURN(common::HenbId lower, common::HenbId::Parse(read.Bytes(0)));
    ASSIGN_OR_RETURN(common::HenbId higher, common::HenbId::Parse(read.Bytes(1)));
    ASSIGN_OR_RETURN(domain::PairId pair, domain::PairId::Of(std::move(lower), std::move(higher)));
    const std::uint64_t rule = read.Number(2);
    if (rule < 1 || rule > 2) return absl::DataLossError(common::StrCat("pair rule ", rule, " is not known"));
    visit({std::move(pair), static_cast<domain::PairRule>(rule)});
  }
}

absl::StatusOr<std::uint64_t> SqliteStore::ReadAll(const HenbVisitor& henb, const PairVisitor& pair) {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(ReadHenbs(henb));
  RETURN_IF_ERROR(ReadPairRules(pair));
  return ReadRevision();
}

absl::StatusOr<std::uint64_t> SqliteStore::SetPairRule(const domain::PairId& pair, domain::PairRule rule) {
  const std::lock_guard lock(mutex_);
  SqliteTransaction transaction(database_);
  RETURN_IF_ERROR(Begin(&transaction));
  domain::PairRule before = domain::PairRule::kNone;
  {
    SqliteStatement read(database_, "SELECT rule FROM pair_rule WHERE lower=? AND higher=?");
    read.BindText(pair.lower().str()).BindText(pair.higher().str());
    ASSIGN_OR_RETURN(const bool row, read.Step());
    if (row) before = static_cast<domain::PairRule>(read.Number(0));
  }
  if (before == rule) return ReadRevision();
  SqliteStatement write(database_, rule == domain::PairRule::kNone
                                       ? "DELETE FROM pair_rule WHERE lower=? AND higher=?"
                                       : "INSERT OR REPLACE INTO pair_rule VALUES(?, ?, ?)");
  write.BindText(pair.lower().str()).BindText(pair.higher().str());
  if (rule != domain::PairRule::kNone) write.Bind(static_cast<std::uint64_t>(rule));
  RETURN_IF_ERROR(write.Run());
  return Finish(&transaction, PairException{pair, rule});
}

absl::StatusOr<std::uint64_t> SqliteStore::Revision() {
  const std::lock_guard lock(mutex_);
  return ReadRevision();
}

void SqliteStore::SetListener(Listener listener) {
  const std::lock_guard lock(mutex_);
  listener_ = std::move(listener);
}

}  // namespace henb::keydist::store
