// SQLite, as much of it as the programs that keep records need.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

typedef struct sqlite3 sqlite3;            // NOLINT(modernize-use-using): SQLite's own declarations
typedef struct sqlite3_stmt sqlite3_stmt;  // NOLINT(modernize-use-using)

namespace henb::common {

/// An open database. One thread at a time.
class SqliteDatabase {
 public:
  /// Opens or creates `path` (0600) with WAL, synchronous=FULL and secure_delete, and checks its pages. Unavailable:
  /// cannot be opened or is locked; DataLoss: not a database, or damaged.
  [[nodiscard]] static absl::StatusOr<SqliteDatabase> Open(const std::string& path);
  ~SqliteDatabase();
  SqliteDatabase(SqliteDatabase&& other) noexcept;
  SqliteDatabase& operator=(SqliteDatabase&&) = delete;

  /// One or more statements without parameters.
  [[nodiscard]] absl::Status Execute(const std::string& sql);
  [[nodiscard]] absl::Status LastError(std::string_view doing) const;
  [[nodiscard]] sqlite3* get() const { return handle_; }

 private:
  explicit SqliteDatabase(sqlite3* handle) : handle_(handle) {}
  sqlite3* handle_;
};

/// One statement, used once. Values bound by text_/blob_ are copied.
class SqliteStatement {
 public:
  SqliteStatement(SqliteDatabase& database, std::string_view sql);
  ~SqliteStatement();
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  SqliteStatement& Bind(std::uint64_t value);  ///< The next parameter.
  SqliteStatement& BindText(std::string_view value);
  SqliteStatement& BindBlob(std::string_view value);

  /// True: a row is there. False: done.
  [[nodiscard]] absl::StatusOr<bool> Step();
  /// For statements without rows.
  [[nodiscard]] absl::Status Run();

  [[nodiscard]] std::uint64_t Number(int column) const;
  [[nodiscard]] std::string_view Bytes(int column) const;  ///< Valid until the next Step.

 private:
  SqliteDatabase& database_;
  sqlite3_stmt* handle_ = nullptr;
  int next_ = 1;
  int error_ = 0;
};

/// A write transaction, rolled back unless committed.
class SqliteTransaction {
 public:
  explicit SqliteTransaction(SqliteDatabase& database) : database_(database) {}
  ~SqliteTransaction();
  SqliteTransaction(const SqliteTransaction&) = delete;
  SqliteTransaction& operator=(const SqliteTransaction&) = delete;
  [[nodiscard]] absl::Status Begin();
  [[nodiscard]] absl::Status Commit();

 private:
  SqliteDatabase& database_;
  bool open_ = false;
};

}  // namespace henb::common
