// Breadth-first search through every state of the world, and back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/unit/epoch_protocol/world.h"

namespace henb::epoch_protocol {

struct Found {
  std::size_t states = 0;          ///< That differ.
  std::size_t steps = 0;           ///< Taken, to states that were known too.
  std::size_t home = 0;            ///< States in which the link is up on the current key.
  std::string violation;           ///< Empty: none.
  std::vector<std::string> trace;  ///< To the violation, or to the first state without a way back: shortest.
  bool complete = false;           ///< Every reachable state within the bound was seen.
};

/// Stops at the first violation; else looks, from every state, for a way back that needs no further fault. Uses no more
/// than `most_states`.
[[nodiscard]] Found Search(World& world, std::size_t most_states);

}  // namespace henb::epoch_protocol
