// Octets from the operator's repository of cross-certificates. Nothing that our roots did not sign gets into a path.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "henb-x2sec/app/credentials/cross_certificates.h"
#include "tests/support/test_pki.h"

namespace {

using henb::common::Certificate;
using henb::tests::TestAuthority;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

const TestAuthority& Ours() {
  static const TestAuthority root = TestAuthority::Root("/CN=R");
  return root;
}

std::vector<Certificate> Usable(std::string_view content) {
  std::vector<std::string> refused;
  return henb::x2sec::app::UsableCrossCertificates(content, {Ours().certificate()}, kNow, &refused)
      .value_or(std::vector<Certificate>());
}

/// `input` laid over `good` at a place that its first two octets name.
std::string Mixed(const std::string& good, std::string_view input) {
  std::string mixed = good;
  const std::size_t at =
      (static_cast<std::size_t>(static_cast<unsigned char>(input[0])) << 8 | static_cast<unsigned char>(input[1])) %
      mixed.size();
  return mixed.replace(at, std::min(input.size() - 2, mixed.size() - at), input.substr(2));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  // Our root's key was made a moment ago: nothing of the fuzzer's making is signed with it.
  if (!Usable(input).empty()) std::abort();
  if (size < 3) return 0;
  static const TestAuthority theirs = TestAuthority::Root("/CN=W");
  static const Certificate cross = Ours().IssueFor({.subject = "/CN=W", .ca = true}, theirs.key());
  static const Certificate below = theirs.Subordinate("/CN=X").certificate();
  static const std::string both = cross.pem() + below.pem();
  // Certificates that are, with octets of the input laid over them, so that the insides are reached: alone, and with a
  // good one beside them that may be a part of the path.
  for (const std::string& good : {cross.der(), both}) {
    for (const Certificate& each : Usable(Mixed(good, input))) {
      if (each.spki() != cross.spki() && each.spki() != below.spki()) std::abort();
    }
  }
  return 0;
}
