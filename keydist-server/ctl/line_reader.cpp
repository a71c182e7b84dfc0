#include "keydist-server/ctl/line_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/status.h"

namespace henb::keydist::ctl {
namespace {

constexpr std::size_t kChunk = 256U << 10;

}  // namespace

absl::StatusOr<LineReader> LineReader::Open(const std::string& path, LastLine last) {
  common::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return absl::InvalidArgumentError(common::StrCat(path, ": ", std::strerror(errno)));
  return LineReader(std::move(fd), last);
}

absl::StatusOr<std::optional<std::string_view>> LineReader::Next() {
  ++line_;
  while (true) {
    const std::size_t end = buffer_.find('\n', scanned_);
    if (end != std::string::npos) {
      const std::string_view line = std::string_view(buffer_).substr(start_, end - start_);
      start_ = scanned_ = end + 1;
      return line;
    }
    buffer_.erase(0, start_);
    start_ = 0;
    scanned_ = buffer_.size();
    if (scanned_ > kLongest) return absl::DataLossError(common::StrCat("longer than ", kLongest, " octets"));
    buffer_.resize(scanned_ + kChunk);
    ssize_t got = 0;
    do {
      got = read(fd_.get(), buffer_.data() + scanned_, kChunk);
    } while (got < 0 && errno == EINTR);
    buffer_.resize(scanned_ + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got < 0) return absl::InvalidArgumentError(std::strerror(errno));
    if (got > 0) continue;
    if (buffer_.empty()) return std::nullopt;
    if (last_ == LastLine::kMustEnd) return absl::DataLossError("ends in the middle of the line");
    start_ = buffer_.size();
    return std::string_view(buffer_);
  }
}

}  // namespace henb::keydist::ctl
