#include "tests/unit/epoch_protocol/search.h"

#include <algorithm>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "common/strings.h"

namespace henb::epoch_protocol {
namespace {

/// States by number; looked up by what they are.
class Seen {
 public:
  Seen() : numbers_(1024, Hash{&states_}, Same{&states_}) {}
  /// Number, and whether it is new.
  std::pair<std::uint32_t, bool> Add(const State& state) {
    states_.push_back(state);
    const auto number = static_cast<std::uint32_t>(states_.size() - 1);
    const auto [at, is_new] = numbers_.insert(number);
    if (!is_new) states_.pop_back();
    return {*at, is_new};
  }
  const State& operator[](std::size_t number) const { return states_[number]; }
  [[nodiscard]] std::size_t size() const { return states_.size(); }

 private:
  struct Hash {
    const std::vector<State>* states;
    std::size_t operator()(std::uint32_t number) const {
      return absl::HashOf(std::string_view{reinterpret_cast<const char*>(&(*states)[number]), sizeof(State)});
    }
  };
  struct Same {
    const std::vector<State>* states;
    bool operator()(std::uint32_t a, std::uint32_t b) const { return (*states)[a] == (*states)[b]; }
  };
  std::vector<State> states_;
  absl::flat_hash_set<std::uint32_t, Hash, Same> numbers_;
};

struct Came {
  std::uint32_t from = 0;
  Step by;
};
struct Edge {
  std::uint32_t from;
  std::uint32_t to;
};

std::vector<std::string> Trace(const World& world, const Seen& seen, const std::vector<Came>& came, std::uint32_t to) {
  std::vector<std::string> lines;
  for (std::uint32_t at = to; at != 0; at = came[at].from) {
    lines.push_back(common::StrCat(World::Name(came[at].by), "  -> ", world.Describe(seen[at])));
  }
  std::reverse(lines.begin(), lines.end());
  return lines;
}

/// Which states have a way home, along the edges backwards.
std::vector<bool> WithWayHome(const World& world, const Seen& seen, std::vector<Edge> edges, std::size_t* home) {
  std::vector<std::uint32_t> first(seen.size() + 1, 0);
  for (const Edge& edge : edges) ++first[edge.to + 1];
  for (std::size_t i = 1; i < first.size(); ++i) first[i] += first[i - 1];
  std::vector<std::uint32_t> from(edges.size());
  std::vector<std::uint32_t> filled(first.begin(), first.end() - 1);
  for (const Edge& edge : edges) from[filled[edge.to]++] = edge.from;
  std::vector<bool> has(seen.size(), false);
  std::vector<std::uint32_t> todo;
  for (std::uint32_t i = 0; i < seen.size(); ++i) {
    if (!world.IsHome(seen[i])) continue;
    has[i] = true;
    todo.push_back(i);
  }
  *home = todo.size();
  while (!todo.empty()) {
    const std::uint32_t at = todo.back();
    todo.pop_back();
    for (std::uint32_t i = first[at]; i < first[at + 1]; ++i) {
      if (has[from[i]]) continue;
      has[from[i]] = true;
      todo.push_back(from[i]);
    }
  }
  return has;
}

}  // namespace

Found Search(World& world, std::size_t most_states) {
  Found found;
  Seen seen;
  std::vector<Came> came(1);
  std::vector<Edge> way_back;
  seen.Add(World::Start());
  const std::vector<Step> steps = World::AllSteps();
  for (std::uint32_t at = 0; at < seen.size(); ++at) {
    if (seen.size() > most_states) {
      found.states = seen.size();
      return found;
    }
    for (const Step& step : steps) {
      State next = seen[at];
      std::string violation;
      if (!world.Apply(step, &next, &violation)) continue;
      ++found.steps;
      const auto [number, is_new] = seen.Add(next);
      if (is_new) came.push_back({at, step});
      if (!violation.empty()) {
        found.violation = violation;
        found.states = seen.size();
        found.trace = Trace(world, seen, came, at);
        found.trace.push_back(common::StrCat(World::Name(step), "  -> ", world.Describe(next), ": ", violation));
        return found;
      }
      if (World::IsWayBack(step.kind) && next.faults == seen[at].faults) way_back.push_back({at, number});
    }
  }
  found.complete = true;
  found.states = seen.size();
  const std::vector<bool> has = WithWayHome(world, seen, std::move(way_back), &found.home);
  const auto lost = std::find(has.begin(), has.end(), false);
  if (lost == has.end()) return found;
  found.violation = "from here no way leads back to a link that is up on a current key";
  found.trace = Trace(world, seen, came, static_cast<std::uint32_t>(lost - has.begin()));
  return found;
}

}  // namespace henb::epoch_protocol
