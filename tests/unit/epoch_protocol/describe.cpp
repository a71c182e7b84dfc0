// What a trace says.
#include "common/strings.h"
#include "tests/unit/epoch_protocol/world.h"

namespace henb::epoch_protocol {

std::string World::Name(const Step& step) {
  static constexpr std::string_view kNames[] = {"time passes",
                                                "the server ticks",
                                                "asks",
                                                "gets the answer",
                                                "looks at the clock: the next key is due or the current one ends",
                                                "installs the key",
                                                "IKE authenticates",
                                                "starts the key change that is due",
                                                "starts a key change as proof of life",
                                                "finds that the SA is too old",
                                                "the key change reauthenticates",
                                                "the key change ends",
                                                "hears of the suspension",
                                                "is resumed",
                                                "the server's clock is set right",
                                                "loses the answer",
                                                "asks and the answer hangs",
                                                "gets the answer, which stays to come again",
                                                "the link is lost",
                                                "restarts its daemon",
                                                "reboots",
                                                "the server restarts",
                                                "the server's clock falls back",
                                                "has a clock that drifts",
                                                "is rotated",
                                                "is suspended"};
  static_assert(std::size(kNames) == kStepKinds);
  const std::string_view name = kNames[static_cast<std::size_t>(step.kind)];
  const bool of_nobody = name.starts_with("the ") || name.starts_with("time ") || name.starts_with("IKE ");
  if (of_nobody && !name.starts_with("the key change that")) return std::string(name);
  return common::StrCat(step.end == 0 ? "a " : "b ", name);
}

std::string World::Describe(const State& state) const {
  const auto key = [&](std::uint8_t number) {
    if (number == 0) return std::string("-");
    const KeyPool::Meaning& meaning = keys_.MeaningOf(number);
    return common::StrCat("e", static_cast<int>(meaning.epoch), ".", static_cast<int>(meaning.lower), ".",
                          static_cast<int>(meaning.higher));
  };
  const Server& server = state.server;
  std::string text =
      common::StrCat("t=", static_cast<int>(state.now), " server: current ", static_cast<int>(server.current),
                     ", next ", static_cast<int>(server.next), ", destroyed to ", static_cast<int>(server.destroyed));
  for (const std::size_t i : {0U, 1U}) {
    const End& end = state.ends[i];
    text = common::StrCat(text, i == 0 ? "; a: " : "; b: ", key(end.current.key), " next ", key(end.next.key), " file ",
                          key(end.file_key), end.installing != 0 ? " installing" : "",
                          end.holding == Holding::kExpired ? " expired" : "", end.change_due != 0 ? " due" : "");
  }
  return common::StrCat(text, "; SA ", key(state.link.sa), state.link.new_sa != 0 ? " and " : "",
                        state.link.new_sa != 0 ? key(state.link.new_sa) : "");
}

}  // namespace henb::epoch_protocol
