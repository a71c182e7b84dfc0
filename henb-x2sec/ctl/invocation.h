// What the user asked for.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"

namespace henb::x2sec::ctl {

enum class Command {
  kLinks,
  kExplain,
  kNeighbourAdd,
  kNeighbourRemove,
  kNeighbourList,
  kNeighbourReplace,
  kWait,
  kPolicyPush,
  kPolicyShow,
  kPolicyHistory,
  kProvision,
  kEnrolStatus,
  kEnrolNow,
  kCredentials,
  kRotate,
  kDoctor,
  kMetrics,
};

struct Invocation {
  Command command = Command::kLinks;
  std::optional<std::string> socket;  ///< Absent: the usual ones.
  bool json = false;
  bool watch = false;
  bool dry_run = false;
  std::string neighbour;  ///< A valid identity where the command takes one.
  std::string file;
  std::string state;
  absl::Duration timeout;
};

/// Parses the arguments (without the program's name). Instead of an invocation the exit status, when there is nothing
/// more to do: help and version (on `out`), a usage error (on `err`, status 2).
[[nodiscard]] std::variant<Invocation, int> ParseArguments(std::vector<std::string> arguments, std::ostream& out,
                                                           std::ostream& err);

}  // namespace henb::x2sec::ctl
