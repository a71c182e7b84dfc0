#include "henb-x2sec/nem/nem_api.h"

#include <nlohmann/json.hpp>

#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/enrol/pkcs10.h"
#include "henb-x2sec/nem/lifecycle.h"

namespace henb::x2sec::nem {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kRequests = "/nem/v1/requests";
constexpr int kAskAgainAfterS = 2;
constexpr int kAskLaterS = 60;
constexpr std::size_t kIdLength = 64;
constexpr std::size_t kMostReason = 500;

HttpAnswer JsonAnswer(int status, const Json& body, int retry_after_s = 0) {
  return {.status = status,
          .body = body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n",
          .retry_after_s = retry_after_s};
}

HttpAnswer Refuse(int status, std::string_view reason, int retry_after_s = 0) {
  return JsonAnswer(status, {{"reason", std::string(reason)}}, retry_after_s);
}

HttpAnswer FromError(const absl::Status& error) {
  const std::string_view text = common::ToStd(error.message());
  switch (error.code()) {
    case absl::StatusCode::kInvalidArgument:
      return Refuse(400, text);
    case absl::StatusCode::kPermissionDenied:
      return Refuse(403, text);
    case absl::StatusCode::kNotFound:
      return Refuse(404, text);
    case absl::StatusCode::kFailedPrecondition:
      return Refuse(409, text);
    case absl::StatusCode::kResourceExhausted:
      return Refuse(429, text, kAskLaterS);
    case absl::StatusCode::kUnavailable:
      return Refuse(503, text, kAskAgainAfterS);
    default:
      common::LogAlarm("nem.store_failed", {{"error", error}});
      return Refuse(500, "the store can't be used", kAskLaterS);
  }
}

HttpAnswer Place(const Request& request) {
  HttpAnswer out = JsonAnswer(202, {{"id", request.id}, {"state", NameOf(request.state)}}, kAskAgainAfterS);
  out.location = common::StrCat(kRequests, "/", request.id);
  return out;
}

bool IsWaiting(RequestState state) {
  return state == RequestState::kPending || state == RequestState::kSending || state == RequestState::kConfirming ||
         state == RequestState::kExported;
}

}  // namespace

HttpAnswer NemApi::Handle(const HttpCall& call) {
  const absl::StatusOr<common::HenbId> device = call.device.Identity();
  if (!device.ok()) return Refuse(403, common::ToStd(device.status().message()));
  if (!devices_->Allows(*device, call.anchor.spki())) {
    common::LogWarning("nem.not_listed", {{"device", device->str()}, {"anchor", call.anchor.subject()}});
    return Refuse(403, "the device is not on the operator's list");
  }
  if (call.path == kRequests) {
    return call.method == "POST" ? Upload(*device, call) : Refuse(405, "POST of a PKCS#10 is taken here");
  }
  const std::string prefix = common::StrCat(kRequests, "/");
  if (!call.path.starts_with(prefix)) return Refuse(404, "there is nothing here");
  const std::string id = call.path.substr(prefix.size(), kIdLength);
  const std::string rest = call.path.substr(std::min(call.path.size(), prefix.size() + kIdLength));
  if (rest.empty() && call.method == "GET") return Collect(*device, id);
  if (rest == "/result" && call.method == "POST") return TakeResult(*device, id, call);
  return Refuse(404, "there is nothing here");
}

HttpAnswer NemApi::Upload(const common::HenbId& device, const HttpCall& call) {
  if (call.content_type != "application/pkcs10") return Refuse(415, "application/pkcs10 is taken here");
  const absl::StatusOr<enrol::Pkcs10> pkcs10 = enrol::ParsePkcs10(call.body);
  absl::Status refused = pkcs10.status();
  if (refused.ok() && pkcs10->identity != device) {
    refused = absl::PermissionDeniedError(common::StrCat("the request is for ", pkcs10->identity.str()));
  }
  if (!refused.ok()) {
    common::LogWarning("nem.upload_refused", {{"device", device.str()}, {"error", refused}});
    return FromError(refused);
  }
  Request request;
  bool known = false;
  const absl::Time now = parts_.clock.Now();
  const absl::Status kept = parts_.store.Transact([&]() -> absl::Status {
    ASSIGN_OR_RETURN(std::vector<Request> of_device, parts_.store.OfDevice(device));
    ASSIGN_OR_RETURN(const std::vector<Request> changed, Admit(*pkcs10, of_device, now));
    known = changed.empty();
    if (known) {
      ASSIGN_OR_RETURN(request, OwnRequest(device, pkcs10->id()));
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const std::uint64_t lately, parts_.store.CountSince(device, now - absl::Hours(1)));
    if (lately >= parts_.requests_per_hour)
      return absl::ResourceExhaustedError(common::StrCat(lately, " requests within an hour"));
    for (const Request& each : changed) RETURN_IF_ERROR(parts_.store.Put(each));
    request = changed.back();
    return absl::OkStatus();
  });
  if (!kept.ok()) {
    common::LogWarning("nem.upload_refused", {{"device", device.str()}, {"error", kept}});
    return FromError(kept);
  }
  if (!known) {
    common::LogInfo("nem.uploaded", {{"device", device.str()}, {"request", request.id}});
    if (parts_.work_waits) parts_.work_waits();
  }
  return Place(request);
}

absl::StatusOr<Request> NemApi::OwnRequest(const common::HenbId& device, const std::string& id) {
  ASSIGN_OR_RETURN(std::optional<Request> found, parts_.store.Find(id));
  if (!found.has_value() || found->device != device) return absl::NotFoundError("no such request of this device");
  return *std::move(found);
}

HttpAnswer NemApi::Collect(const common::HenbId& device, const std::string& id) {
  absl::StatusOr<Request> request = OwnRequest(device, id);
  if (!request.ok()) return FromError(request.status());
  if (IsWaiting(request->state)) return Place(*request);
  const bool fit = request->state == RequestState::kIssued || request->state == RequestState::kTaken;
  if (!fit) return JsonAnswer(410, {{"state", NameOf(request->state)}, {"reason", request->detail}});
  HttpAnswer out{.content_type = "application/pem-certificate-chain"};
  for (const common::Certificate& certificate : request->chain) out.body += certificate.pem();
  if (request->collected) return out;
  // Noted before it is sent: what may be in use is not taken for something that nobody fetched.
  const absl::Status noted = parts_.store.Transact([&]() -> absl::Status {
    ASSIGN_OR_RETURN(Request now_there, OwnRequest(device, id));
    if (now_there.state != RequestState::kIssued) return absl::UnavailableError("it has changed meanwhile");
    now_there.collected = true;
    return parts_.store.Put(now_there);
  });
  if (!noted.ok()) return FromError(noted);
  common::LogInfo("nem.collected", {{"device", device.str()}, {"request", id}});
  return out;
}

HttpAnswer NemApi::TakeResult(const common::HenbId& device, const std::string& id, const HttpCall& call) {
  const Json json = Json::parse(call.body, nullptr, false);
  if (!json.is_object() || !json.contains("taken") || !json["taken"].is_boolean())
    return Refuse(400, "{\"taken\": true} or {\"taken\": false, \"reason\": \"…\"} is taken here");
  const bool taken = json["taken"];
  std::string reason;
  if (json.contains("reason") && json["reason"].is_string())
    reason = common::Quoted(json["reason"].get<std::string>(), kMostReason);
  const absl::Time now = parts_.clock.Now();
  const absl::Status kept = parts_.store.Transact([&]() -> absl::Status {
    std::vector<Request> changed;
    if (taken) {
      ASSIGN_OR_RETURN(std::vector<Request> of_device, parts_.store.OfDevice(device));
      ASSIGN_OR_RETURN(changed, Take(id, std::move(of_device), now, parts_.revoke_old_after));
    } else {
      ASSIGN_OR_RETURN(Request request, OwnRequest(device, id));
      ASSIGN_OR_RETURN(request, Reject(std::move(request), reason, now));
      changed.push_back(std::move(request));
    }
    for (const Request& each : changed) RETURN_IF_ERROR(parts_.store.Put(each));
    return absl::OkStatus();
  });
  if (!kept.ok()) return FromError(kept);
  if (taken) {
    common::LogInfo("nem.taken", {{"device", device.str()}, {"request", id}});
  } else {
    common::LogWarning("nem.rejected", {{"device", device.str()}, {"request", id}, {"reason", reason}});
  }
  if (parts_.work_waits) parts_.work_waits();
  return {.status = 204};
}

}  // namespace henb::x2sec::nem
