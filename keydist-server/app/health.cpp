#include "keydist-server/app/health.h"

#include "common/strings.h"

namespace henb::keydist::app {
namespace {

constexpr absl::Duration kWindow = absl::Minutes(1);

std::string Until(std::string_view what, absl::Time end, absl::Time now) {
  const absl::Duration left = end - now;
  const auto days = absl::ToInt64Hours(left) / 24;
  if (left <= absl::ZeroDuration()) return common::StrCat(what, " has expired");
  return days > 0 ? common::StrCat(what, " expires in ", days, " days")
                  : common::StrCat(what, " expires in ", absl::ToInt64Minutes(left), " minutes");
}

}  // namespace

rpc::SubsystemHealth TlsHealth(const TlsFacts& facts, absl::Time now) {
  rpc::SubsystemHealth health{.name = "tls"};
  if (facts.certificate_ends) {
    health.ok = *facts.certificate_ends > now;
    health.detail = Until("the certificate", *facts.certificate_ends, now);
  }
  if (facts.first_anchor_ends && *facts.first_anchor_ends <= now) {
    health.ok = false;
    health.detail += "; an anchor has expired";
  }
  if (facts.first_list_ends && *facts.first_list_ends <= now) {
    health.ok = false;
    health.detail += "; a revocation list has expired";
  }
  if (!facts.reload.ok()) {
    health.ok = false;
    common::StrAppend(&health.detail, health.detail.empty() ? "" : "; ",
                      "new files were refused: ", facts.reload.message());
  }
  return health;
}

void LimitsHealth::Note(std::span<const std::uint64_t> refused, absl::Duration steady) {
  const std::lock_guard lock(mutex_);
  samples_.push_back({{refused.begin(), refused.end()}, steady});
  while (samples_.size() > 2 && steady - samples_[1].at >= kWindow) samples_.pop_front();
}

rpc::SubsystemHealth LimitsHealth::Read() const {
  rpc::SubsystemHealth health{.name = std::string(subsystem_)};
  const std::lock_guard lock(mutex_);
  if (samples_.empty()) return health;
  for (std::size_t i = 0; i < limits_.size(); ++i) {
    const std::uint64_t lately = samples_.back().refused[i] - samples_.front().refused[i];
    if (lately == 0) continue;
    common::StrAppend(&health.detail, health.detail.empty() ? "refused in the last minute: " : ", ", limits_[i], " ",
                      lately);
    if (i == everybody_) health.ok = false;
  }
  return health;
}

}  // namespace henb::keydist::app
