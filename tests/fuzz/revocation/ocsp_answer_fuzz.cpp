// Octets from an OCSP responder. Nothing that the issuer's responder did not sign is ever believed.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "henb-x2sec/revocation/ocsp_answer.h"
#include "tests/support/revocation_builder.h"
#include "tests/support/test_pki.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using henb::x2sec::revocation::Verdict;
  using henb::x2sec::revocation::VerifyOcspAnswer;
  static const henb::tests::TestAuthority ca = henb::tests::TestAuthority::Root("/CN=R");
  static const henb::tests::OcspSpec spec{.status = henb::tests::OcspSpec::Status::kRevoked};
  static const std::string good =
      henb::tests::BuildOcspAnswer(spec, ca.certificate(), "a1", ca.certificate(), ca.key()).value();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (VerifyOcspAnswer(input, ca.certificate(), "a1", "nonce", spec.this_update).ok()) std::abort();
  if (size < 2) return 0;
  std::string mixed = good;
  const std::size_t at = (static_cast<std::size_t>(data[0]) << 8 | data[1]) % mixed.size();
  mixed.replace(at, size - 2, input.substr(2));
  const auto answer = VerifyOcspAnswer(mixed, ca.certificate(), "a1", "nonce", spec.this_update);
  if (answer.ok() && answer->verdict != Verdict::kRevoked) std::abort();
  return 0;
}
