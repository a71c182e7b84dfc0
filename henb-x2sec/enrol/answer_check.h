// What is checked on every answer of the RA/CA before OpenSSL's CMP library sees it.
#pragma once

#include <openssl/x509.h>

#include "absl/status/status.h"
#include "henb-x2sec/enrol/pki_message.h"

namespace henb::x2sec::enrol {

/// FailedPrecondition with the event's name when `answer` is not an acceptable answer to `request`: version, presence
/// and algorithm of the protection (R31), which is a MAC where the request had one and never else (R36), sender,
/// transactionID and nonce (R30), kind of body, one response and no private key or encrypted certificate in it (R25,
/// R33). A private key beside a certificate is left to the caller, who can tell the CA in certConf. A pollReq is
/// answered by pollRep, or by `awaited`, which is what the first request asks for and no longer says waiting (R35). The
/// protection itself is verified by the library afterwards.
[[nodiscard]] absl::Status CheckAnswer(const PkiMessageSummary& request, const PkiMessageSummary& answer,
                                       const X509_NAME* expected_sender, BodyType awaited = BodyType::kIp);

}  // namespace henb::x2sec::enrol
