// Provisioning data from outside: any octets, and good ones with any octets changed. Nothing but what was signed is
// ever taken, and no credential but the one whose digest was.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "policy/envelope.h"
#include "policy/provisioning.h"
#include "tests/unit/policy/fixtures.h"
#include "tests/unit/policy/test_pki.h"

namespace {

using namespace henb::policy;  // NOLINT(google-build-using-namespace)

struct World {
  World() {
    const test::Holder signer = test::Issue({}, &root);
    envelope = EncryptFor(signer.certificate, henb::common::SecretBytes::CopyOf(std::string_view("secret"))).value();
    const std::string data =
        R"({"schema":1,"device":"henb-a.site.example","operator":"operator.example","serial":1,)"
        R"("not_after":"2040-01-01T00:00:00Z","enrolment_segs":[{"identity":"seg.example","address":"10.0.0.1"}]})";
    json = CompleteProvisioning(data, {{root.certificate}, "", henb::common::Sha256Digest::Of(envelope)}).value();
    good = SignProvisioning(json, signer.certificate, signer.KeyPem(), {}, envelope).value();
  }
  test::Holder root = test::MakeRoot("Vendor Root");
  std::string envelope;
  std::string json;
  std::string good;
  SignatureExpectation expected{{root.certificate}, test::Id(test::kSelfId), "", test::kNow};
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
    switch (octet(2) % 3) {
      case 0:
        der[at] = pieces[3];
        break;
      case 1:
        der.insert(at, 1 + octet(3) % 8, pieces[3]);
        break;
      default:
        der.erase(at, 1 + octet(3) % 16);
    }
  }
  return der;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const World& world = TheWorld();
  if (data[0] % 3 == 0) {
    LoadProvisioning(rest).IgnoreError();
    return 0;
  }
  const std::string der = data[0] % 3 == 1 ? std::string(rest) : Changed(world.good, rest);
  const auto accepted = AcceptProvisioning(der, world.expected, data[0] >= 128);
  if (accepted.ok()) {
    if (accepted->json != world.json) std::abort();
    if (!accepted->credential.empty() && accepted->credential != world.envelope) std::abort();
    const auto stripped = WithoutCredential(der);
    if (!stripped.ok() || !AcceptProvisioning(*stripped, world.expected, true).ok()) std::abort();
  }
  UnverifiedProvisioning(der).IgnoreError();
  return 0;
}
