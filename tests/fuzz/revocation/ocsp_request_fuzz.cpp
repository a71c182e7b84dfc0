// Octets from whoever connects to x2sec-ocspd. Every one gets an answer, and good is said only of what was asked.
#include <openssl/ocsp.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "henb-x2sec/ocspd/http_exchange.h"
#include "henb-x2sec/ocspd/responder.h"
#include "henb-x2sec/revocation/openssl_ptr.h"
#include "tests/support/temp_directory.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace henb::x2sec;  // NOLINT(google-build-using-namespace)
  static const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  static const ocspd::Responder* responder = [] {
    const henb::tests::TempDirectory folder;
    if (!ocspd::MakeSigner(folder.File("c"), folder.File("k"), now).ok()) std::abort();
    return new ocspd::Responder(ocspd::LoadSigner(folder.File("c"), folder.File("k")).value());
  }();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto request = ocspd::ReadOcspHttp(input);
  int asked = 0;
  const auto judge = [&asked](const revocation::Subject&) {
    ++asked;
    return revocation::Verdict::kGood;
  };
  for (const std::string& der :
       {request.ok() && request->has_value() ? (*request)->der : std::string(), std::string(input)}) {
    asked = 0;
    const std::string answer = responder->Answer(der, judge, now);
    const auto* at = reinterpret_cast<const unsigned char*>(answer.data());
    const revocation::OpensslPtr<OCSP_RESPONSE> response(
        d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(answer.size())));
    if (response == nullptr || asked > ocspd::Responder::kMostCertificates) std::abort();
    const bool good = OCSP_response_status(response.get()) == OCSP_RESPONSE_STATUS_SUCCESSFUL;
    if (good && asked == 0) {
      const revocation::OpensslPtr<OCSP_BASICRESP> basic(OCSP_response_get1_basic(response.get()));
      int status = -1;
      ASN1_GENERALIZEDTIME* times[3];
      status = OCSP_single_get0_status(OCSP_resp_get0(basic.get(), 0), nullptr, &times[0], &times[1], &times[2]);
      if (status == V_OCSP_CERTSTATUS_GOOD) std::abort();
    }
  }
  return 0;
}
