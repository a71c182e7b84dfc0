// Signed policies from outside: any octets, and a good one with any octets changed. Nothing but the signed text is ever
// taken.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "policy/cms.h"
#include "tests/unit/policy/fixtures.h"
#include "tests/unit/policy/test_pki.h"

namespace {

using namespace henb::policy;  // NOLINT(google-build-using-namespace)

constexpr char kJson[] = "{\"schema\":1}";

struct World {
  test::Holder root = test::MakeRoot("Vendor Root");
  std::string good = test::SignCms(kJson, test::Issue({}, &root));
  SignatureExpectation expected{{root.certificate}, test::Id(test::kSelfId), "operator.example", test::kNow};
};

const World& TheWorld() {
  static const World* const kWorld = new World;
  return *kWorld;
}

// Pieces of four octets: a place (two), what is done there, and a value.
std::string Changed(std::string der, std::string_view pieces) {
  for (; pieces.size() >= 4 && !der.empty(); pieces.remove_prefix(4)) {
    const auto octet = [&](std::size_t i) { return static_cast<std::uint8_t>(pieces[i]); };
    const std::size_t at = (octet(0) * 256U + octet(1)) % der.size();
    switch (octet(2) % 4) {
      case 0:
        der[at] = pieces[3];
        break;
      case 1:
        der.insert(at, 1 + octet(3) % 8, pieces[3]);
        break;
      case 2:
        der.erase(at, 1 + octet(3) % 16);
        break;
      default:
        der[at] = static_cast<char>(der[at] ^ (1 << (octet(3) % 8)));
    }
  }
  return der;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const World& world = TheWorld();
  const std::string der = data[0] % 2 == 0 ? std::string(rest) : Changed(world.good, rest);
  const auto verified = VerifyPolicy(der, world.expected);
  if (verified.ok() && verified->json != kJson) std::abort();
  UnverifiedContent(der).IgnoreError();
  return 0;
}
