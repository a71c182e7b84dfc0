// What a device uploads to the NEM: arbitrary octets, or a good request that was bent. Nothing is taken but a request
// that proves possession of its own key, in the form that devices make; a bent one only while it still says what its
// signature covers.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

#include "henb-x2sec/enrol/distinguished_name.h"
#include "henb-x2sec/enrol/pkcs10.h"
#include "tests/support/test_pki.h"

namespace henb::tests {
namespace {

using x2sec::enrol::Pkcs10;

[[noreturn]] void Broken(const char* what) {
  std::cerr << "pkcs10_fuzz: " << what << std::endl;
  std::abort();
}

const Pkcs10& Good() {
  static const Pkcs10 good = [] {
    const std::shared_ptr<EVP_PKEY> key(NewKey().release(), EVP_PKEY_free);
    const auto id = common::HenbId::Parse("henb-a.example").value();
    return x2sec::enrol::ParsePkcs10(x2sec::enrol::MakePkcs10(id, key).value()).value();
  }();
  return good;
}

/// `edits` are triples: an offset of two octets, and what to XOR there.
std::string Bend(std::string der, std::string_view edits) {
  for (; edits.size() >= 3; edits.remove_prefix(3)) {
    const auto octet = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<std::uint8_t>(edits[i])); };
    char& target = der[((octet(0) << 8) | octet(1)) % der.size()];
    target = static_cast<char>(target ^ edits[2]);
  }
  return der;
}

void Check(const Pkcs10& taken, bool bent) {
  if (X509_REQ_verify(taken.request.get(), taken.public_key.get()) != 1) Broken("no proof of possession");
  if (taken.identity.empty() || taken.der.size() > Pkcs10::kMostOctets) Broken("no identity, or too large");
  const auto subject = x2sec::enrol::SubjectFor(taken.identity);
  if (!subject.ok() || X509_NAME_cmp(subject->get(), taken.subject()) != 0) Broken("another subject");
  if (bent && (taken.identity != Good().identity || taken.spki != Good().spki))
    Broken("a bent request says another thing");
}

}  // namespace
}  // namespace henb::tests

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace henb::tests;
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const bool bent = (input[0] & 1) != 0;
  const std::string der = bent ? Bend(Good().der, input.substr(1)) : std::string(input.substr(1));
  const auto taken = henb::x2sec::enrol::ParsePkcs10(der);
  if (taken.ok()) Check(*taken, bent);
  return 0;
}
