#include "henb-x2sec/nem/lifecycle.h"

#include <algorithm>

#include "common/status.h"

namespace henb::x2sec::nem {
namespace {

constexpr absl::Duration kFirstRetry = absl::Seconds(5);
constexpr absl::Duration kLongestRetry = absl::Minutes(10);
constexpr double kJitter = 0.25;

void Move(Request& request, RequestState state, absl::Time now, std::string detail) {
  request.state = state;
  request.changed = now;
  request.detail = std::move(detail);
}

bool IsTransient(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || absl::IsCancelled(status);
}

}  // namespace

absl::Duration RetryDelay(std::uint32_t attempts, common::Random& random) {
  absl::Duration delay = kFirstRetry;
  for (std::uint32_t i = 1; i < attempts && delay < kLongestRetry; ++i) delay *= 2;
  return random.Jitter(std::min(delay, kLongestRetry), kJitter);
}

absl::StatusOr<std::vector<Request>> Admit(const enrol::Pkcs10& pkcs10, std::vector<Request> of_device,
                                           absl::Time now) {
  const std::string id = pkcs10.id();
  std::vector<Request> changed;
  for (Request& old : of_device) {
    if (old.id == id) return std::vector<Request>();
    switch (old.state) {
      case RequestState::kSending:
      case RequestState::kConfirming:
        return absl::UnavailableError("this device's last request is with the RA/CA");
      case RequestState::kPending:
      case RequestState::kExported:
      case RequestState::kIssued:
        if (old.MayBeLive() && !old.collected) old.revoke_at = now;
        Move(old, RequestState::kReplaced, now, "the device has uploaded another");
        changed.push_back(std::move(old));
        break;
      default:
        break;
    }
  }
  changed.push_back({.id = id,
                     .device = pkcs10.identity,
                     .pkcs10 = pkcs10.der,
                     .received = now,
                     .changed = now,
                     .next_attempt = now});
  return changed;
}

absl::StatusOr<std::vector<Request>> Take(const std::string& id, std::vector<Request> of_device, absl::Time now,
                                          absl::Duration revoke_old_after) {
  const auto taken = std::find_if(of_device.begin(), of_device.end(), [&](const Request& r) { return r.id == id; });
  if (taken == of_device.end()) return absl::NotFoundError("no such request of this device");
  if (taken->state == RequestState::kTaken) return std::vector<Request>();
  if (taken->state != RequestState::kIssued) return absl::FailedPreconditionError("there is no certificate to take");
  taken->collected = true;
  Move(*taken, RequestState::kTaken, now, "");
  std::vector<Request> changed;
  for (Request& each : of_device) {
    if (each.id == id) {
      changed.push_back(each);
    } else if (each.MayBeLive() && !each.revoke_at.has_value()) {
      each.revoke_at = now + revoke_old_after;
      changed.push_back(each);
    }
  }
  return changed;
}

absl::StatusOr<Request> Reject(Request request, const std::string& reason, absl::Time now) {
  if (request.state != RequestState::kIssued) return absl::FailedPreconditionError("there is no certificate to reject");
  request.collected = true;
  request.revoke_at = now;
  Move(request, RequestState::kRejected, now, reason);
  return request;
}

void Settle(Request& request, const RaAnswer& answer, absl::Time now, common::Random& random) {
  ++request.attempts;
  if (answer.path.ok()) {
    request.chain = {answer.path->certificate};
    request.chain.insert(request.chain.end(), answer.path->intermediates.begin(), answer.path->intermediates.end());
    return Move(request, RequestState::kIssued, now, "");
  }
  const absl::Status& error = answer.path.status();
  const std::string why(common::ToStd(error.message()));
  request.next_attempt = now + RetryDelay(request.attempts, random);
  const bool accepted = request.state == RequestState::kConfirming && !absl::IsPermissionDenied(error);
  if (accepted || answer.left_at_ca.has_value()) {
    if (answer.left_at_ca.has_value()) request.chain = {*answer.left_at_ca};
    return Move(request, RequestState::kConfirming, now, why);
  }
  request.chain.clear();
  Move(request, IsTransient(error) ? RequestState::kPending : RequestState::kRefused, now, why);
}

void SettleRevocation(Request& request, const absl::Status& outcome, absl::Time now, common::Random& random) {
  const bool answered = outcome.ok() || absl::IsPermissionDenied(outcome);
  if (request.state == RequestState::kConfirming) {
    request.next_attempt = now + RetryDelay(answered ? request.attempts : ++request.attempts, random);
    if (!answered) return;
    request.chain.clear();
    return Move(request, RequestState::kPending, now, "its certificate was revoked, and is asked for anew");
  }
  if (answered) {
    request.revoked = true;
    request.revoke_at.reset();
  } else {
    request.revoke_at = now + RetryDelay(++request.attempts, random);
  }
}

}  // namespace henb::x2sec::nem
