#include "keydist-server/domain/audit_verifier.h"

#include "common/status.h"

namespace henb::keydist::domain {
namespace {

/// The value of `"at"`, which AppendLine writes after the sequence. Empty when it is not there.
std::string_view TimeOf(std::string_view line) {
  constexpr std::string_view kKey = ",\"at\":\"";
  const std::size_t key = line.find(kKey);
  if (key == std::string_view::npos) return {};
  line.remove_prefix(key + kKey.size());
  return line.substr(0, line.find('"'));
}

}  // namespace

absl::Status AuditVerifier::Take(std::string_view line) {
  ASSIGN_OR_RETURN(const ChainHead next, CheckLine(head_, line, partial_));
  head_ = next;
  last_at_.assign(TimeOf(line));
  if (records_ == 0) first_ = {next.sequence, last_at_};
  ++records_;
  partial_ = false;
  return absl::OkStatus();
}

}  // namespace henb::keydist::domain
