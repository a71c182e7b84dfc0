#include "henb-x2sec/enrol/nem_session.h"

#include <nlohmann/json.hpp>

#include "common/digest.h"
#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/enrol/cmp_events.h"
#include "henb-x2sec/enrol/poll_schedule.h"

namespace henb::x2sec::enrol {
namespace {

using absl::StatusCode;

constexpr std::size_t kMostCertificates = 8;
constexpr int kMostTellings = 3;
constexpr absl::Duration kTellAgainAfter = absl::Seconds(1);

/// The NEM's reason, if it gives one.
std::string ReasonOf(const HttpsReply& reply) {
  const nlohmann::json json = nlohmann::json::parse(reply.body, nullptr, false);
  std::string reason;
  if (json.is_object() && json.contains("reason") && json["reason"].is_string()) reason = json["reason"];
  return common::StrCat("the NEM answers ", reply.status, reason.empty() ? "" : ": ", common::Quoted(reason, 200));
}

/// An answer that is neither a certificate nor "not yet".
absl::Status Failure(const HttpsReply& reply) {
  switch (reply.status) {
    case 400:
    case 403:
    case 409:
    case 410:
    case 413:
    case 415:
      return event::Error(StatusCode::kPermissionDenied, event::kNemRefused, ReasonOf(reply));
    default:
      if (reply.status >= 400) return event::Error(StatusCode::kUnavailable, event::kNemHttpError, ReasonOf(reply));
      return event::Error(StatusCode::kFailedPrecondition, event::kNemMalformedAnswer, ReasonOf(reply));
  }
}

absl::StatusOr<std::vector<common::Certificate>> ChainOf(const HttpsReply& reply) {
  const auto malformed = [](std::string_view why) {
    return event::Error(StatusCode::kFailedPrecondition, event::kNemMalformedAnswer, why);
  };
  if (reply.content_type != "application/pem-certificate-chain")
    return malformed(common::StrCat("its content type is ", common::Quoted(reply.content_type)));
  absl::StatusOr<std::vector<common::Certificate>> chain = common::Certificate::ChainFromPem(reply.body);
  if (!chain.ok()) return malformed(common::ToStd(chain.status().message()));
  if (chain->size() > kMostCertificates) return malformed("too many certificates");
  return chain;
}

}  // namespace

std::string NemSession::PlaceOf(const std::string& pkcs10) const {
  return common::StrCat(parts_.url, "/nem/v1/requests/", common::Sha256Digest::Of(pkcs10).ToHex());
}

absl::Status NemSession::Upload(const std::string& pkcs10) {
  ASSIGN_OR_RETURN(const HttpsReply reply,
                   parts_.https.Exchange(common::StrCat(parts_.url, "/nem/v1/requests"), "application/pkcs10", pkcs10));
  return reply.status == 202 ? absl::OkStatus() : Failure(reply);
}

absl::StatusOr<std::vector<common::Certificate>> NemSession::Fetch(const std::string& pkcs10) {
  const absl::Duration deadline = parts_.clock.Steady() + parts_.total_timeout;
  RETURN_IF_ERROR(Upload(pkcs10));
  common::LogInfo("nem.sent", {{"url", parts_.url}, {"request", common::Sha256Digest::Of(pkcs10).ToHex()}});
  for (int polls = 1;; ++polls) {
    ASSIGN_OR_RETURN(const HttpsReply reply, parts_.https.Exchange(PlaceOf(pkcs10), "", ""));
    if (reply.status == 200) return ChainOf(reply);
    if (reply.status != 202) return Failure(reply);
    const absl::Duration delay =
        PollDelay(absl::Seconds(reply.retry_after_s), polls, deadline - parts_.clock.Steady(), parts_.random);
    if (delay <= absl::ZeroDuration()) {
      return event::Error(StatusCode::kDeadlineExceeded, event::kNemStillWaiting,
                          common::StrCat("nothing yet after ", polls, " questions"));
    }
    if (!parts_.wait(delay))
      return event::Error(StatusCode::kCancelled, event::kNemStopped, "stopped while the NEM had nothing yet");
  }
}

absl::Status NemSession::Tell(const std::string& pkcs10, const std::string& reason) {
  nlohmann::json result = {{"taken", reason.empty()}};
  if (!reason.empty()) result["reason"] = reason;
  const std::string body = result.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  absl::Status told;
  for (int attempt = 1; attempt <= kMostTellings; ++attempt) {
    const auto reply = parts_.https.Exchange(PlaceOf(pkcs10) + "/result", "application/json", body);
    if (reply.ok() && reply->status == 204) return absl::OkStatus();
    told = reply.ok() ? Failure(*reply) : reply.status();
    const bool again = absl::IsUnavailable(told) && attempt < kMostTellings;
    if (!again || !parts_.wait(parts_.random.Jitter(kTellAgainAfter, 0.5))) break;
  }
  return told;
}

}  // namespace henb::x2sec::enrol
