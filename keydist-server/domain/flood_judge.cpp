#include "keydist-server/domain/flood_judge.h"

namespace henb::keydist::domain {

std::vector<std::string> FloodJudge::Look(std::span<const OpenedCalls> all, absl::Duration now) {
  std::vector<std::string> over;
  for (auto& [connection, seen] : seen_) seen.still_there = false;
  for (const OpenedCalls& one : all) {
    const auto [found, is_new] =
        seen_.try_emplace(one.connection, Seen{.calls = one.calls, .bucket = {.full_at = now}});
    Seen& seen = found->second;
    seen.still_there = true;
    const std::uint64_t opened = one.calls > seen.calls ? one.calls - seen.calls : 0;
    seen.calls = one.calls;
    if (is_new || opened == 0) continue;
    const Draw draw = Take(seen.bucket, limits_, now, static_cast<std::int64_t>(opened));
    seen.bucket = draw.after;
    if (!draw.granted) over.push_back(one.connection);
  }
  std::erase_if(seen_, [](const auto& entry) { return !entry.second.still_there; });
  return over;
}

}  // namespace henb::keydist::domain
