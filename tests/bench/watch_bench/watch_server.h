// The two servers of the bench: the key service's Watch, and beside it a bare stream that writes when it is told.
#pragma once

#include <string>

#include "tests/unit/keydist/test_pki.h"

namespace henb::keydist::bench {

struct WatchPki {
  test::TestCa vendor{"bench vendor root"};
  test::TestCa operator_ca{"bench operator root"};
  test::Identity server = operator_ca.Issue("keydist.bench.example");
};

[[nodiscard]] std::string WatcherName(int number);

enum class Role { kKeyService, kBareStream };

/// Serves `henbs` watchers on loopback in this process: writes the port (an int) to `report`, then tells all streams of
/// one event for each octet that comes from `orders`, until that is closed.
void ServeWatchers(const WatchPki& pki, Role role, int henbs, int report, int orders);

}  // namespace henb::keydist::bench
