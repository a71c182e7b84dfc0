// x2secctl as a function.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace henb::x2sec::ctl {

/// Runs one command line (without the program's name) and returns the exit status (common/exit_status.h). Results go to
/// `out`, everything else to `err`. One thread.
[[nodiscard]] int Run(std::vector<std::string> arguments, std::ostream& out, std::ostream& err);

}  // namespace henb::x2sec::ctl
