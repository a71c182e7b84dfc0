// Answers of the RA/CA, bent or replaced, through the real client. The first octet chooses which answer and how, the
// rest is the material. An enrolment may only end with the very certificate that the CA issued and a confirmation that
// was not bent, or with an error that has a name.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>

#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/enrol/cmp_enroller.h"
#include "tests/ca/test_ca.h"
#include "tests/support/fake_certificate_store.h"
#include "tests/support/test_pki.h"

namespace henb::tests {
namespace {

/// Everything that stays the same from run to run.
struct World {
  World() { common::ConfigureLog({.least = common::LogLevel::kAlarm, .program = "fuzz"}); }

  /// A CA with an empty memory, now and then: it keeps its transactions and its ledger.
  TestCa* FreshCa() {
    constexpr int kRunsEach = 500;
    if (ca != nullptr && ++runs % kRunsEach != 0) return ca.get();
    TestCaConfig config;
    config.ca_chain = {operator_ca.certificate(), operator_root.certificate()};
    config.ca_key = std::shared_ptr<EVP_PKEY>(operator_ca.key(), [](EVP_PKEY*) {});
    config.ra_name = "/O=Operator 1/CN=RA";
    config.vendor_roots = {vendor.certificate()};
    ca = TestCa::Create(std::move(config)).value();
    return ca.get();
  }
  TestAuthority vendor = TestAuthority::Root("/O=Vendor 1/CN=Vendor 1 Root");
  TestAuthority operator_root = TestAuthority::Root("/O=Operator 1/CN=Operator 1 Root");
  TestAuthority operator_ca = operator_root.Subordinate("/O=Operator 1/CN=Operator CA 1");
  TestCredential device = vendor.IssueHenb("henb-a.example");
  std::unique_ptr<TestCa> ca;
  int runs = 0;
  std::string state_path = "/dev/shm/cmp-fuzz-" + std::to_string(getpid());
};

/// `edits` are triples: an offset of two octets, and what to XOR there.
std::string Bend(std::string answer, std::string_view edits) {
  for (; edits.size() >= 3 && !answer.empty(); edits.remove_prefix(3)) {
    const auto octet = [&](int i) {
      return static_cast<std::size_t>(static_cast<std::uint8_t>(edits[static_cast<std::size_t>(i)]));
    };
    char& target = answer[((octet(0) << 8) | octet(1)) % answer.size()];
    target = static_cast<char>(target ^ edits[2]);
  }
  return answer;
}

class BentTransport final : public x2sec::enrol::CmpTransport {
 public:
  BentTransport(TestCa* ca, std::string_view input) : ca_(ca) {
    if (!input.empty()) {
      how_ = static_cast<std::uint8_t>(input[0]);
      material_ = input.substr(1);
    }
  }
  absl::StatusOr<std::string> Exchange(std::string_view request, absl::Duration /*timeout*/) override {
    const auto answer = ca_->Handle(std::string(request));
    if (!answer.ok() || !answer->has_value()) return absl::UnavailableError("cmp.unreachable: the CA does not answer");
    const int which = exchanges_++;
    if (which != (how_ & 1)) return **answer;
    switch ((how_ >> 1) & 3) {
      case 0:
        return std::string(material_);
      case 1:
        return **answer + std::string(material_);
      case 2:
        return std::string((*answer)->substr(0, (*answer)->size() * (how_ >> 3) / 32)) + std::string(material_);
      default:
        return Bend(**answer, material_);
    }
  }

 private:
  TestCa* ca_;
  unsigned how_ = 0;
  std::string_view material_;
  int exchanges_ = 0;
};

[[noreturn]] void Broken(std::string_view what) {
  std::cerr << "promise broken: " << what << std::endl;
  std::abort();
}

void Run(std::string_view input) {
  static World world;
  TestCa* ca = world.FreshCa();
  FakeCertificateStore store;
  x2sec::enrol::EncodedSigningKey vendor_key(Pkcs8Of(world.device.key.get()));
  const common::SystemClock clock;
  x2sec::enrol::CmpEnroller::Parts parts{store, vendor_key, clock, world.state_path};
  parts.wait = [](absl::Duration) { return true; };
  parts.transport = [&](const std::string&) {
    return absl::StatusOr<std::unique_ptr<x2sec::enrol::CmpTransport>>(std::make_unique<BentTransport>(ca, input));
  };
  x2sec::enrol::CmpEnroller enroller(std::move(parts));
  x2sec::core::EnrolRequest request;
  request.identity = common::HenbId::Parse("henb-a.example").value();
  request.server_url = "http://127.0.0.1/";
  request.recipient = "/O=Operator 1/CN=RA";
  request.vendor_chain = {world.device.certificate};
  request.operator_roots = {world.operator_root.certificate()};
  const auto enrolled = enroller.Enrol(request);
  if (enrolled.ok()) {
    const LedgerEntry last = ca->ledger().Entries().back();
    if (last.serial != enrolled->certificate.serial_hex()) Broken("another certificate than the CA issued");
    if (last.state != CertificateState::kConfirmed) Broken("a certificate that the CA does not count as confirmed");
  } else if (!common::ToStd(enrolled.status().message()).starts_with("cmp.")) {
    Broken(common::ToStd(enrolled.status().message()));
  } else if (!store.Keys().value().empty()) {
    Broken("a refused certificate is installed");
  }
  unlink(world.state_path.c_str());
}

}  // namespace
}  // namespace henb::tests

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  henb::tests::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
