// A file on a disk that fails when told to.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>

#include "keydist-server/store/append_file.h"

namespace henb::keydist::store {

/// What the disk holds, shared with the test: a file that can fail and can be held back.
struct Disk {
  std::mutex mutex;
  std::condition_variable change;
  std::string content;
  std::string durable;
  int syncs = 0;
  bool fail_write = false;  ///< Half of it is written first.
  bool fail_sync = false;
  bool fail_truncate = false;
  bool hold_sync = false;
};

class FakeFile final : public AppendFile {
 public:
  explicit FakeFile(Disk& disk) : disk_(disk) {}
  absl::Status Append(std::string_view bytes) override {
    const std::lock_guard lock(disk_.mutex);
    if (disk_.fail_write) {
      disk_.content += bytes.substr(0, bytes.size() / 2);
      return absl::UnavailableError("no space left");
    }
    disk_.content += bytes;
    return absl::OkStatus();
  }
  absl::Status Sync() override {
    std::unique_lock lock(disk_.mutex);
    ++disk_.syncs;
    disk_.change.notify_all();
    disk_.change.wait(lock, [&] { return !disk_.hold_sync; });
    if (disk_.fail_sync) return absl::UnavailableError("input/output error");
    disk_.durable = disk_.content;
    return absl::OkStatus();
  }
  absl::Status Truncate(std::uint64_t size) override {
    const std::lock_guard lock(disk_.mutex);
    if (disk_.fail_truncate) return absl::UnavailableError("read-only");
    disk_.content.resize(size);
    disk_.durable = disk_.content;
    return absl::OkStatus();
  }
  absl::StatusOr<std::uint64_t> Size() const override {
    const std::lock_guard lock(disk_.mutex);
    return disk_.content.size();
  }
  absl::StatusOr<std::string> Read(std::uint64_t offset, std::size_t most) const override {
    const std::lock_guard lock(disk_.mutex);
    return disk_.content.substr(offset, most);
  }

 private:
  Disk& disk_;
};

}  // namespace henb::keydist::store
