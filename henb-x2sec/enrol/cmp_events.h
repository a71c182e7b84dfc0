// Stable names of what can go wrong in an enrolment: the first word of error messages and of log lines
// (docs/enrolment.md).
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "common/strings.h"

namespace henb::x2sec::enrol::event {

inline constexpr std::string_view kUnreachable = "cmp.unreachable";
inline constexpr std::string_view kTimeout = "cmp.timeout";
inline constexpr std::string_view kHttpError = "cmp.http_error";
inline constexpr std::string_view kMalformedAnswer = "cmp.malformed_answer";
inline constexpr std::string_view kWrongVersion = "cmp.wrong_version";
inline constexpr std::string_view kUnprotectedAnswer = "cmp.unprotected_answer";
inline constexpr std::string_view kSha1Protection = "cmp.sha1_protection";
inline constexpr std::string_view kWeakProtection = "cmp.weak_protection";
inline constexpr std::string_view kOtherProtection = "cmp.other_protection";
inline constexpr std::string_view kMacSecret = "cmp.mac_secret";
inline constexpr std::string_view kBadProtection = "cmp.bad_protection";
inline constexpr std::string_view kWrongSender = "cmp.wrong_sender";
inline constexpr std::string_view kReplayedAnswer = "cmp.replayed_answer";
inline constexpr std::string_view kUnexpectedAnswer = "cmp.unexpected_answer";
inline constexpr std::string_view kSeveralResponses = "cmp.several_responses";
inline constexpr std::string_view kCentralKeyGeneration = "cmp.central_key_generation";
inline constexpr std::string_view kEncryptedCertificate = "cmp.encrypted_certificate";
inline constexpr std::string_view kRefused = "cmp.refused";
inline constexpr std::string_view kConfirmationRefused = "cmp.confirmation_refused";
inline constexpr std::string_view kNoPkiConf = "cmp.no_pkiconf";
inline constexpr std::string_view kImplicitConfirm = "cmp.implicit_confirm";
inline constexpr std::string_view kStillWaiting = "cmp.still_waiting";
inline constexpr std::string_view kStopped = "cmp.stopped";
inline constexpr std::string_view kFailed = "cmp.failed";

// No operator root that may be taken from the answer (R27, R61).
inline constexpr std::string_view kUnpinnedRoot = "cmp.unpinned_root";
inline constexpr std::string_view kCrossCertificate = "cmp.cross_certificate";

// The issued certificate does not hold; the certConf carried the rejection.
inline constexpr std::string_view kOtherKey = "cmp.other_key";
inline constexpr std::string_view kOtherSubject = "cmp.other_subject";
inline constexpr std::string_view kOtherIdentity = "cmp.other_identity";
inline constexpr std::string_view kNotValidNow = "cmp.not_valid_now";
inline constexpr std::string_view kWrongUsage = "cmp.wrong_usage";
inline constexpr std::string_view kWeakSignature = "cmp.weak_signature";
inline constexpr std::string_view kUntrustedPath = "cmp.untrusted_path";
inline constexpr std::string_view kNotKept = "cmp.not_kept";

// On the way through the NEM.
inline constexpr std::string_view kNemUnreachable = "nem.unreachable";
inline constexpr std::string_view kNemTimeout = "nem.timeout";
inline constexpr std::string_view kNemUntrustedServer = "nem.untrusted_server";
inline constexpr std::string_view kNemTooLarge = "nem.too_large";
inline constexpr std::string_view kNemHttpError = "nem.http_error";
inline constexpr std::string_view kNemMalformedAnswer = "nem.malformed_answer";
inline constexpr std::string_view kNemRefused = "nem.refused";
inline constexpr std::string_view kNemStillWaiting = "nem.still_waiting";
inline constexpr std::string_view kNemStopped = "nem.stopped";

/// "cmp.refused: text".
[[nodiscard]] inline absl::Status Error(absl::StatusCode code, std::string_view event, std::string_view text) {
  return absl::Status(code, common::StrCat(event, ": ", text));
}

}  // namespace henb::x2sec::enrol::event
