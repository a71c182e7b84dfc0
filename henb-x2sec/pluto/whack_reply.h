// What whack said: pluto's lines, each with a three-digit code, and whack's own complaints.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/process_runner.h"

namespace henb::x2sec::pluto {

/// One line of pluto's: `003 "x2-…" #7: IKE SA authentication request rejected by peer: AUTHENTICATION_FAILED`.
struct ReplyLine {
  int code = 0;
  std::string text;  ///< Without the code.
};

struct WhackReply {
  std::vector<ReplyLine> lines;
  bool timed_out = false;  ///< whack was ended by our deadline; pluto goes on with what it does.

  [[nodiscard]] bool Has(std::string_view fragment) const;
  /// The last line, for messages; "nothing" when there is none.
  [[nodiscard]] std::string Last() const;
};

/// Splits the output. whack's exit status is the code of pluto's last word, and 0 proves nothing, so it decides only
/// where pluto was not reached: Unavailable when no pluto listens or it went away in the middle; Internal when whack
/// refused the command line (both are exit status 33, the text tells). Any bytes may come in. Pure; any thread.
[[nodiscard]] absl::StatusOr<WhackReply> ParseReply(const common::ProcessResult& result);

}  // namespace henb::x2sec::pluto
