// Octets from a CRL server. Nothing that the issuer did not sign is ever believed.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "henb-x2sec/revocation/certificate_list.h"
#include "tests/support/revocation_builder.h"
#include "tests/support/test_pki.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using henb::tests::TestAuthority;
  static const TestAuthority ca = TestAuthority::Root("/CN=R");
  // A list of the fuzzer's making is never signed by this CA: its key was made a moment ago.
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (henb::x2sec::revocation::VerifyCertificateList(input, {ca.certificate()}).ok()) std::abort();
  // One that is, with octets of the input laid over it, so that the insides are reached.
  static const std::string good = henb::tests::BuildList({.revoked = {"11", "22"}}, ca.certificate(), ca.key()).value();
  if (size < 2) return 0;
  std::string mixed = good;
  const std::size_t at = (static_cast<std::size_t>(data[0]) << 8 | data[1]) % mixed.size();
  mixed.replace(at, size - 2, input.substr(2));
  const auto list = henb::x2sec::revocation::VerifyCertificateList(mixed, {ca.certificate()});
  if (list.ok() && mixed != good) {
    // The signature itself may be encoded in other ways; what is signed may not.
    if (list->revoked.size() != 2 || list->number != "1") std::abort();
  }
  return 0;
}
