// Who is who in the benches of the key service.
#pragma once

#include "tests/unit/keydist/test_pki.h"

namespace henb::keydist::bench {

struct Pki {
  test::TestCa vendor{"bench vendor root"};
  test::TestCa operator_ca{"bench operator root"};
  test::Identity server = operator_ca.Issue("keydist.bench.example");
  test::Identity client = vendor.Issue("henb-0000.bench.example");
};

}  // namespace henb::keydist::bench
