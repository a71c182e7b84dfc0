#include "henb-x2sec/nem/request_store.h"

#include "common/status.h"

namespace henb::x2sec::nem {
namespace {

using common::SqliteDatabase;
using common::SqliteStatement;
using common::SqliteTransaction;

constexpr char kTables[] = R"(
CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS note(name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS request(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, device TEXT NOT NULL,
  pkcs10 BLOB NOT NULL, state INTEGER NOT NULL, received_us INTEGER NOT NULL, changed_us INTEGER NOT NULL,
  attempts INTEGER NOT NULL, next_attempt_us INTEGER NOT NULL, chain TEXT NOT NULL, collected INTEGER NOT NULL,
  revoke_at_us INTEGER NOT NULL, revoked INTEGER NOT NULL, detail TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS request_device ON request(device, received_us);
CREATE INDEX IF NOT EXISTS request_due ON request(state, next_attempt_us);
CREATE INDEX IF NOT EXISTS request_revocation ON request(revoke_at_us) WHERE revoke_at_us > 0;
INSERT OR IGNORE INTO meta VALUES('schema', 1);
)";

constexpr char kColumns[] =
    "id, device, pkcs10, state, received_us, changed_us, attempts, next_attempt_us, chain, collected, revoke_at_us, "
    "revoked, detail";

std::uint64_t Micros(absl::Time time) { return static_cast<std::uint64_t>(absl::ToUnixMicros(time)); }

absl::Time FromMicros(std::uint64_t micros) { return absl::FromUnixMicros(static_cast<std::int64_t>(micros)); }

absl::StatusOr<Request> Unpack(const SqliteStatement& row) {
  Request out;
  out.id = row.Bytes(0);
  ASSIGN_OR_RETURN_CTX(out.device, common::HenbId::Parse(row.Bytes(1)), out.id);
  out.pkcs10 = row.Bytes(2);
  const std::uint64_t state = row.Number(3);
  if (state < 1 || state > kAllStates.size())
    return absl::DataLossError(common::StrCat("request ", out.id, " has state ", state));
  out.state = static_cast<RequestState>(state);
  out.received = FromMicros(row.Number(4));
  out.changed = FromMicros(row.Number(5));
  out.attempts = static_cast<std::uint32_t>(row.Number(6));
  out.next_attempt = FromMicros(row.Number(7));
  if (const std::string_view chain = row.Bytes(8); !chain.empty()) {
    ASSIGN_OR_RETURN_CTX(out.chain, common::Certificate::ChainFromPem(chain), out.id);
  }
  out.collected = row.Number(9) != 0;
  if (row.Number(10) != 0) out.revoke_at = FromMicros(row.Number(10));
  out.revoked = row.Number(11) != 0;
  out.detail = row.Bytes(12);
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RequestStore>> RequestStore::Open(const std::string& path) {
  ASSIGN_OR_RETURN(SqliteDatabase database, SqliteDatabase::Open(path));
  std::unique_ptr<RequestStore> store(new RequestStore(std::move(database)));
  RETURN_IF_ERROR_CTX(store->database_.Execute(kTables), path);
  SqliteStatement schema(store->database_, "SELECT value FROM meta WHERE name='schema'");
  ASSIGN_OR_RETURN_CTX(const bool row, schema.Step(), path);
  if (!row || schema.Number(0) != kSchema) {
    return absl::FailedPreconditionError(
        common::StrCat(path, ": its schema is not one this release knows (", kSchema, ")"));
  }
  return store;
}

absl::Status RequestStore::Transact(const std::function<absl::Status()>& work) {
  SqliteTransaction transaction(database_);
  RETURN_IF_ERROR(transaction.Begin());
  RETURN_IF_ERROR(work());
  return transaction.Commit();
}

absl::Status RequestStore::Put(const Request& request) {
  std::string chain;
  for (const common::Certificate& certificate : request.chain) chain += certificate.pem();
  SqliteStatement put(database_, common::StrCat("INSERT INTO request(", kColumns,
                                                ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(id) DO UPDATE SET "
                                                "state=excluded.state, changed_us=excluded.changed_us, "
                                                "attempts=excluded.attempts, next_attempt_us=excluded.next_attempt_us, "
                                                "chain=excluded.chain, collected=excluded.collected, "
                                                "revoke_at_us=excluded.revoke_at_us, revoked=excluded.revoked, "
                                                "detail=excluded.detail"));
  put.BindText(request.id).BindText(request.device.str()).BindBlob(request.pkcs10);
  put.Bind(static_cast<std::uint64_t>(request.state)).Bind(Micros(request.received)).Bind(Micros(request.changed));
  put.Bind(request.attempts).Bind(Micros(request.next_attempt)).BindText(chain).Bind(request.collected ? 1U : 0U);
  put.Bind(request.revoke_at.has_value() ? Micros(*request.revoke_at) : 0).Bind(request.revoked ? 1U : 0U);
  return put.BindText(request.detail).Run();
}

absl::StatusOr<std::vector<Request>> RequestStore::Select(const std::string& where,
                                                          const std::function<void(SqliteStatement&)>& bind) {
  SqliteStatement select(database_, common::StrCat("SELECT ", kColumns, " FROM request ", where));
  bind(select);
  std::vector<Request> out;
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return out;
    ASSIGN_OR_RETURN(Request request, Unpack(select));
    out.push_back(std::move(request));
  }
}

absl::StatusOr<std::optional<Request>> RequestStore::Find(const std::string& id) {
  ASSIGN_OR_RETURN(std::vector<Request> found, Select("WHERE id=?", [&](SqliteStatement& s) { s.BindText(id); }));
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

absl::StatusOr<std::vector<Request>> RequestStore::OfDevice(const common::HenbId& device) {
  return Select("WHERE device=? ORDER BY number", [&](SqliteStatement& s) { s.BindText(device.str()); });
}

absl::StatusOr<std::vector<Request>> RequestStore::InState(RequestState state) {
  return Select("WHERE state=? ORDER BY number",
                [&](SqliteStatement& s) { s.Bind(static_cast<std::uint64_t>(state)); });
}

absl::StatusOr<std::vector<Request>> RequestStore::All() {
  return Select("ORDER BY number", [](SqliteStatement&) {});
}

absl::StatusOr<std::vector<Request>> RequestStore::Due(RequestState state, absl::Time now, std::size_t most) {
  return Select("WHERE state=? AND next_attempt_us<=? ORDER BY number LIMIT ?",
                [&](SqliteStatement& s) { s.Bind(static_cast<std::uint64_t>(state)).Bind(Micros(now)).Bind(most); });
}

absl::StatusOr<std::vector<Request>> RequestStore::ToRevoke(absl::Time now, std::size_t most) {
  return Select("WHERE revoke_at_us>0 AND revoke_at_us<=? ORDER BY revoke_at_us LIMIT ?",
                [&](SqliteStatement& s) { s.Bind(Micros(now)).Bind(most); });
}

absl::StatusOr<std::uint64_t> RequestStore::CountSince(const common::HenbId& device, absl::Time since) {
  SqliteStatement count(database_, "SELECT count(*) FROM request WHERE device=? AND received_us>=?");
  count.BindText(device.str()).Bind(Micros(since));
  RETURN_IF_ERROR(count.Step().status());
  return count.Number(0);
}

absl::StatusOr<std::map<RequestState, std::uint64_t>> RequestStore::Counts() {
  std::map<RequestState, std::uint64_t> out;
  for (const RequestState state : kAllStates) out[state] = 0;
  SqliteStatement count(database_, "SELECT state, count(*) FROM request GROUP BY state");
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, count.Step());
    if (!row) return out;
    out[static_cast<RequestState>(count.Number(0))] = count.Number(1);
  }
}

absl::Status RequestStore::Purge(absl::Time before) {
  SqliteStatement purge(database_,
                        "DELETE FROM request WHERE changed_us<? AND state IN (6,7,9) AND (chain='' OR revoked=1)");
  return purge.Bind(Micros(before)).Run();
}

absl::Status RequestStore::Note(const std::string& name, const std::string& text) {
  SqliteStatement put(database_, "INSERT OR REPLACE INTO note VALUES(?,?)");
  return put.BindText(name).BindText(text).Run();
}

absl::StatusOr<std::string> RequestStore::NoteOf(const std::string& name) {
  SqliteStatement get(database_, "SELECT text FROM note WHERE name=?");
  ASSIGN_OR_RETURN(const bool row, get.BindText(name).Step());
  return row ? std::string(get.Bytes(0)) : "";
}

}  // namespace henb::x2sec::nem
