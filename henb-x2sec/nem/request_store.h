// Where nem-gateway keeps its requests.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/sqlite/sqlite_database.h"
#include "henb-x2sec/nem/request.h"

namespace henb::x2sec::nem {

/// One SQLite file, which the server and its commands open side by side, each with a RequestStore of its own (WAL, one
/// writer at a time). A request is on the disk when the call that wrote it returns. One thread at a time. Every call:
/// Unavailable when the file is locked for longer than 5 s or cannot be written, DataLoss when it is damaged.
class RequestStore {
 public:
  static constexpr std::uint64_t kSchema = 1;

  /// FailedPrecondition: written by a release with another schema.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<RequestStore>> Open(const std::string& path);

  /// Nobody else writes while `work` runs; all that it wrote is kept when it is OK, and nothing when not.
  [[nodiscard]] absl::Status Transact(const std::function<absl::Status()>& work);

  [[nodiscard]] absl::Status Put(const Request& request);
  [[nodiscard]] absl::StatusOr<std::optional<Request>> Find(const std::string& id);
  /// Oldest first.
  [[nodiscard]] absl::StatusOr<std::vector<Request>> OfDevice(const common::HenbId& device);
  [[nodiscard]] absl::StatusOr<std::vector<Request>> InState(RequestState state);
  [[nodiscard]] absl::StatusOr<std::vector<Request>> All();
  /// In kPending (or kConfirming, whose turn is an rr), their time come, oldest first.
  [[nodiscard]] absl::StatusOr<std::vector<Request>> Due(RequestState state, absl::Time now, std::size_t most);
  [[nodiscard]] absl::StatusOr<std::vector<Request>> ToRevoke(absl::Time now, std::size_t most);
  [[nodiscard]] absl::StatusOr<std::uint64_t> CountSince(const common::HenbId& device, absl::Time since);
  [[nodiscard]] absl::StatusOr<std::map<RequestState, std::uint64_t>> Counts();
  /// Removes refused, rejected and replaced requests without a live certificate, unchanged since `before`.
  [[nodiscard]] absl::Status Purge(absl::Time before);

  /// A line about the server itself, for `status`; "" where there is none.
  [[nodiscard]] absl::Status Note(const std::string& name, const std::string& text);
  [[nodiscard]] absl::StatusOr<std::string> NoteOf(const std::string& name);

 private:
  explicit RequestStore(common::SqliteDatabase database) : database_(std::move(database)) {}
  absl::StatusOr<std::vector<Request>> Select(const std::string& where,
                                              const std::function<void(common::SqliteStatement&)>& bind);
  common::SqliteDatabase database_;
};

}  // namespace henb::x2sec::nem
