#include "common/sqlite/sqlite_database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "common/status.h"

namespace henb::common {
namespace {

absl::Status FromSqlite(int code, const char* message, std::string_view doing) {
  const std::string text = StrCat(doing, ": ", std::string_view(message));
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(text);
    case SQLITE_CONSTRAINT:
      return absl::AlreadyExistsError(text);
    default:
      return absl::UnavailableError(text);
  }
}

/// An empty one that nobody else reads; SQLite gives its -wal and -shm files the mode of the main file. One that is
/// there is not even opened: POSIX drops all locks that this process has on a file when it closes any descriptor of it,
/// also those of another connection of ours. Who reads the file next then takes himself for the last one, and removes
/// the write-ahead log in which this process goes on writing.
absl::Status MakeFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return errno == EEXIST ? absl::OkStatus() : absl::UnavailableError(StrCat(path, ": ", std::strerror(errno)));
  close(fd);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SqliteDatabase> SqliteDatabase::Open(const std::string& path) {
  RETURN_IF_ERROR(MakeFile(path));
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  SqliteDatabase database(handle);
  if (code != SQLITE_OK) return FromSqlite(code, sqlite3_errstr(code), path);
  sqlite3_busy_timeout(handle, 5000);
  RETURN_IF_ERROR_CTX(database.Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;"
                                       "PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY;"),
                      path);
  {
    SqliteStatement check(database, "PRAGMA quick_check(1)");
    ASSIGN_OR_RETURN_CTX(const bool row, check.Step(), path);
    if (!row || check.Bytes(0) != "ok") return absl::DataLossError(StrCat(path, ": the database is damaged"));
  }
  return database;
}

SqliteDatabase::~SqliteDatabase() { sqlite3_close_v2(handle_); }

SqliteDatabase::SqliteDatabase(SqliteDatabase&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}

absl::Status SqliteDatabase::Execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : FromSqlite(code, sqlite3_errmsg(handle_), "database");
}

absl::Status SqliteDatabase::LastError(std::string_view doing) const {
  return FromSqlite(sqlite3_errcode(handle_), sqlite3_errmsg(handle_), doing);
}

SqliteStatement::SqliteStatement(SqliteDatabase& database, std::string_view sql) : database_(database) {
  error_ = sqlite3_prepare_v2(database.get(), sql.data(), static_cast<int>(sql.size()), &handle_, nullptr);
}

SqliteStatement::~SqliteStatement() { sqlite3_finalize(handle_); }

SqliteStatement& SqliteStatement::Bind(std::uint64_t value) {
  if (error_ == SQLITE_OK) error_ = sqlite3_bind_int64(handle_, next_++, static_cast<sqlite3_int64>(value));
  return *this;
}

SqliteStatement& SqliteStatement::BindText(std::string_view value) {
  if (error_ == SQLITE_OK) {
    error_ = sqlite3_bind_text64(handle_, next_++, value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  }
  return *this;
}

SqliteStatement& SqliteStatement::BindBlob(std::string_view value) {
  if (error_ == SQLITE_OK) error_ = sqlite3_bind_blob64(handle_, next_++, value.data(), value.size(), SQLITE_TRANSIENT);
  return *this;
}

absl::StatusOr<bool> SqliteStatement::Step() {
  if (error_ != SQLITE_OK) return database_.LastError("database");
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return database_.LastError("database");
}

absl::Status SqliteStatement::Run() { return Step().status(); }

std::uint64_t SqliteStatement::Number(int column) const {
  return static_cast<std::uint64_t>(sqlite3_column_int64(handle_, column));
}

std::string_view SqliteStatement::Bytes(int column) const {
  const void* data = sqlite3_column_blob(handle_, column);
  const int size = sqlite3_column_bytes(handle_, column);
  return data == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(data), size);
}

SqliteTransaction::~SqliteTransaction() {
  if (open_) database_.Execute("ROLLBACK").IgnoreError();
}

absl::Status SqliteTransaction::Begin() {
  RETURN_IF_ERROR(database_.Execute("BEGIN IMMEDIATE"));
  open_ = true;
  return absl::OkStatus();
}

absl::Status SqliteTransaction::Commit() {
  RETURN_IF_ERROR(database_.Execute("COMMIT"));
  open_ = false;
  return absl::OkStatus();
}

}  // namespace henb::common
