#include "henb-x2sec/enrol/answer_check.h"

#include <openssl/objects.h>

#include "common/status.h"
#include "henb-x2sec/enrol/cmp_events.h"
#include "henb-x2sec/enrol/openssl_ptr.h"

namespace henb::x2sec::enrol {
namespace {

using common::StrCat;

absl::Status Refuse(std::string_view event, std::string_view text) {
  return event::Error(absl::StatusCode::kFailedPrecondition, event, text);
}

bool UsesBrokenDigest(int nid) {
  int digest = NID_undef;
  if (OBJ_find_sigid_algs(nid, &digest, nullptr) != 1) return false;
  return digest == NID_sha1 || digest == NID_md5 || digest == NID_md5_sha1;
}

absl::Status CheckMac(const PkiMessageSummary& answer) {
  const std::string name = NameOf(answer.body);
  if (!answer.password_mac.has_value()) {
    return Refuse(event::kOtherProtection,
                  StrCat("the ", name, " is not protected by the credential of the request (does the RA/CA know it?)"));
  }
  if (IsStrongMac(*answer.password_mac)) return absl::OkStatus();
  const int owf = answer.password_mac->one_way_function_nid;
  const int mac = answer.password_mac->mac_nid;
  const bool broken = owf == NID_sha1 || owf == NID_md5 || mac == NID_hmac_sha1 || mac == NID_hmacWithSHA1 ||
                      mac == NID_hmac_md5 || mac == NID_hmacWithMD5;
  return Refuse(broken ? event::kSha1Protection : event::kWeakProtection,
                StrCat("the ", name, " is protected by ", OBJ_nid2ln(mac), " and ", OBJ_nid2ln(owf)));
}

absl::Status CheckProtection(const PkiMessageSummary& request, const PkiMessageSummary& answer) {
  if (!answer.has_protection || !answer.protection_nid.has_value()) {
    return Refuse(event::kUnprotectedAnswer, StrCat("the ", NameOf(answer.body), " is not protected"));
  }
  if (request.password_mac.has_value()) return CheckMac(answer);
  const int nid = *answer.protection_nid;
  if (IsStrongSignature(nid)) return absl::OkStatus();
  const char* name = nid == NID_undef ? "an unknown algorithm" : OBJ_nid2ln(nid);
  return Refuse(UsesBrokenDigest(nid) ? event::kSha1Protection : event::kWeakProtection,
                StrCat("the ", NameOf(answer.body), " is protected with ", name));
}

absl::Status CheckSender(const PkiMessageSummary& answer, const X509_NAME* expected) {
  const auto* at = reinterpret_cast<const unsigned char*>(answer.sender_name.data());
  const OpensslPtr<X509_NAME> sender(d2i_X509_NAME(nullptr, &at, static_cast<long>(answer.sender_name.size())));
  if (sender != nullptr && X509_NAME_cmp(sender.get(), expected) == 0) return absl::OkStatus();
  (void)common::DrainOpensslErrors();
  std::string name = "no directory name";
  if (sender != nullptr) {
    char text[256] = "";
    X509_NAME_oneline(sender.get(), text, sizeof text);
    name = common::Quoted(text);
  }
  return Refuse(event::kWrongSender, StrCat("the answer is from ", name));
}

bool Answers(BodyType request, BodyType answer, BodyType awaited) {
  if (answer == BodyType::kError) return true;
  switch (request) {
    case BodyType::kIr:
      return answer == BodyType::kIp;
    case BodyType::kP10cr:
      return answer == BodyType::kCp;
    case BodyType::kKur:
      return answer == BodyType::kKup;
    case BodyType::kPollReq:
      return answer == awaited || answer == BodyType::kPollRep;
    case BodyType::kError:  // Ours, which ends the polling.
    case BodyType::kCertConf:
      return answer == BodyType::kPkiConf;
    case BodyType::kRr:
      return answer == BodyType::kRp;
    default:
      return false;
  }
}

}  // namespace

absl::Status CheckAnswer(const PkiMessageSummary& request, const PkiMessageSummary& answer,
                         const X509_NAME* expected_sender, BodyType awaited) {
  if (answer.version != 2) return Refuse(event::kWrongVersion, StrCat("pvno is ", answer.version));
  RETURN_IF_ERROR(CheckProtection(request, answer));
  RETURN_IF_ERROR(CheckSender(answer, expected_sender));
  if (answer.transaction_id != request.transaction_id || answer.recipient_nonce != request.sender_nonce) {
    return Refuse(event::kReplayedAnswer, "transactionID or nonce are of another transaction");
  }
  if (!Answers(request.body, answer.body, awaited)) {
    return Refuse(event::kUnexpectedAnswer, StrCat(NameOf(answer.body), " in answer to ", NameOf(request.body)));
  }
  if (answer.body == BodyType::kIp || answer.body == BodyType::kCp || answer.body == BodyType::kKup) {
    const std::string name = StrCat("the ", NameOf(answer.body));
    if (answer.cert_rep.responses != 1) {
      return Refuse(event::kSeveralResponses, StrCat(name, " has ", answer.cert_rep.responses, " responses"));
    }
    if (answer.cert_rep.encrypted_certificate)
      return Refuse(event::kEncryptedCertificate, StrCat(name, " has an encrypted certificate"));
    // The library would ask again at once, for ever.
    if (answer.cert_rep.waiting && request.body == BodyType::kPollReq)
      return Refuse(event::kUnexpectedAnswer, StrCat(name, " says waiting in answer to pollReq"));
  }
  return absl::OkStatus();
}

}  // namespace henb::x2sec::enrol
