#include "henb-x2sec/pluto/whack_reply.h"

#include <algorithm>

#include "common/status.h"

namespace henb::x2sec::pluto {
namespace {

using common::Quoted;
using common::StrCat;

constexpr int kWhacksOwnFailure = 33;
constexpr std::size_t kCodeDigits = 3;
constexpr std::size_t kLongestQuote = 200;

bool StartsWithCode(std::string_view line) {
  return line.size() > kCodeDigits && line[kCodeDigits] == ' ' &&
         std::all_of(line.begin(), line.begin() + kCodeDigits, [](char c) { return c >= '0' && c <= '9'; });
}

/// whack's own words go to its standard error.
absl::Status WhacksComplaint(std::string_view error) {
  for (const std::string_view gone : {"Pluto is not running", "connect()", "write() failed", "read() failed"}) {
    if (error.find(gone) != std::string_view::npos) {
      return absl::UnavailableError(StrCat("pluto does not answer: ", Quoted(error, kLongestQuote)));
    }
  }
  return absl::InternalError(StrCat("whack refused its arguments: ", Quoted(error, kLongestQuote)));
}

}  // namespace

bool WhackReply::Has(std::string_view fragment) const {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const ReplyLine& line) { return line.text.find(fragment) != std::string::npos; });
}

std::string WhackReply::Last() const { return lines.empty() ? "nothing" : Quoted(lines.back().text, kLongestQuote); }

absl::StatusOr<WhackReply> ParseReply(const common::ProcessResult& result) {
  if (!result.timed_out && result.exit_status == kWhacksOwnFailure) return WhacksComplaint(result.error);
  if (!result.timed_out && result.exit_status >= 128) {
    return absl::InternalError(StrCat("whack was ended by signal ", result.exit_status - 128));
  }
  WhackReply reply;
  reply.timed_out = result.timed_out;
  for (std::string_view line : common::Split(result.output, '\n')) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    if (!StartsWithCode(line)) continue;
    const int code = common::ParseNumber<int>(line.substr(0, kCodeDigits)).value_or(0);
    reply.lines.push_back({code, std::string(line.substr(kCodeDigits + 1))});
  }
  return reply;
}

}  // namespace henb::x2sec::pluto
