// Any octets as a PKIMessage: read, and judged as an answer. No cryptography, so that millions pass.
#include <cstdint>
#include <cstdlib>

#include "common/log.h"
#include "common/strings.h"
#include "henb-x2sec/enrol/answer_check.h"
#include "henb-x2sec/enrol/distinguished_name.h"
#include "henb-x2sec/enrol/pki_message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace henb::x2sec::enrol;
  static const auto sender = ParseDistinguishedName("/O=Operator 1/CN=RA").value();
  const auto summary = ParsePkiMessage({reinterpret_cast<const char*>(data), size});
  if (!summary.ok()) return 0;
  PkiMessageSummary request;
  request.body = BodyType::kIr;
  request.transaction_id = summary->transaction_id;
  request.sender_nonce = summary->recipient_nonce;
  const absl::Status judged = CheckAnswer(request, *summary, sender.get());
  if (!judged.ok() && !henb::common::ToStd(judged.message()).starts_with("cmp.")) std::abort();
  if (judged.ok() && (!summary->has_protection || !IsStrongSignature(summary->protection_nid.value_or(0))))
    std::abort();
  return 0;
}
