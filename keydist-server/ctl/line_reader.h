// A file's lines, one at a time, in constant memory.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/unique_fd.h"

namespace henb::keydist::ctl {

/// Owns the open file and one buffer. One thread.
class LineReader {
 public:
  static constexpr std::size_t kLongest = 1U << 20;  ///< Octets of a line.

  /// InvalidArgument when the file cannot be opened: its name is the command line's.
  enum class LastLine { kMustEnd, kMayBeOpen };  ///< Whether the file's end may stand for its newline.
  [[nodiscard]] static absl::StatusOr<LineReader> Open(const std::string& path, LastLine last = LastLine::kMustEnd);

  /// The next line without its newline, good until the next call; nullopt at the end. DataLoss: a line without newline
  /// at the end, or one longer than `kLongest`. InvalidArgument: the file cannot be read. Messages have neither path
  /// nor line.
  [[nodiscard]] absl::StatusOr<std::optional<std::string_view>> Next();
  /// Number of the line that Next gave or failed at, from 1.
  [[nodiscard]] std::uint64_t line() const { return line_; }

 private:
  LineReader(common::UniqueFd fd, LastLine last) : fd_(std::move(fd)), last_(last) {}
  common::UniqueFd fd_;
  LastLine last_;
  std::string buffer_;
  std::size_t start_ = 0;    ///< Of what was not given yet.
  std::size_t scanned_ = 0;  ///< Up to here there is no newline.
  std::uint64_t line_ = 0;
};

}  // namespace henb::keydist::ctl
