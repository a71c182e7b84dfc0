#include "henb-x2sec/pluto/add_reply.h"

#include "common/status.h"

namespace henb::x2sec::pluto {

using common::Quoted;
using common::StrCat;

absl::Status ReadAddReply(const core::ConnectionSpec& spec, const WhackReply& reply) {
  constexpr std::size_t kLongestQuote = 200;
  const std::string own = StrCat("\"", spec.name, "\": ");
  bool added = false;
  for (const ReplyLine& line : reply.lines) {
    if (line.text.starts_with("attempt to redefine connection")) return absl::AlreadyExistsError(Quoted(line.text));
    if (line.text == StrCat(own, "added IKEv2 connection")) {
      added = true;
      continue;
    }
    if (line.text.starts_with(StrCat(own, "loaded private key matching "))) continue;
    return absl::FailedPreconditionError(
        StrCat("connection ", spec.name, ": pluto did not take it as meant: ", Quoted(line.text, kLongestQuote)));
  }
  if (added) return absl::OkStatus();
  return absl::FailedPreconditionError(StrCat("connection ", spec.name, ": pluto did not add it"));
}

}  // namespace henb::x2sec::pluto
