#include "henb-x2sec/app/keys/key_session.h"

#include <algorithm>
#include <utility>

#include "common/log.h"
#include "henb-x2sec/core/ports/retry_after.h"

namespace henb::x2sec::app {
namespace {

using common::HenbId;

constexpr std::size_t kBatch = 64;  // The service takes no more in a call.
// Windows of Backoff.
constexpr absl::Duration kFirstRetry = absl::Seconds(2);
constexpr absl::Duration kLongestRetry = absl::Minutes(1);
constexpr absl::Duration kFirstRetryRefused = absl::Seconds(45);
constexpr absl::Duration kLongestRetryRefused = absl::Minutes(5);
constexpr absl::Duration kMostRetryAfter = absl::Minutes(10);  // Whatever a service says.
constexpr absl::Duration kShortestLease = absl::Seconds(30);
constexpr absl::Duration kRegisterAgain = absl::Minutes(1);
constexpr absl::Duration kLinger = absl::Minutes(5);
constexpr absl::Duration kSoon = absl::Milliseconds(500);

bool IsUnreachable(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || absl::IsCancelled(status);
}

}  // namespace

KeySession::KeySession(Parts parts)
    : parts_(std::move(parts)),
      again_(kFirstRetry, kLongestRetry),
      again_refused_(kFirstRetryRefused, kLongestRetryRefused) {}

KeySession::~KeySession() {
  *alive_ = false;
  Cancel(&retry_);
  Cancel(&lease_);
  Cancel(&linger_);
  if (watching_) parts_.service.StopWatch();
}

void KeySession::SetWanted(bool wanted, bool linger) {
  const bool was = std::exchange(wanted_, wanted);
  if (wanted) {
    Cancel(&linger_);
    if (was) return Pump();
    // Keys first: the right to them does not hang on what it registered with.
    stale_ = registered_;
    return stale_ ? void() : Pump();
  }
  to_ask_.clear();
  asking_.clear();
  again_.Reset();
  Cancel(&retry_);
  if (!linger) {
    Cancel(&linger_);
  } else if (was && registered_) {
    linger_ = parts_.loop.After(parts_.random.Jitter(kLinger, 0.2), [this] {
      linger_.reset();
      Pump();
    });
  }
  Pump();
}

void KeySession::Ask(std::set<HenbId> peers) {
  to_ask_.merge(peers);
  Pump();
}

void KeySession::AskNow(const HenbId& peer) {
  if (!absl::IsResourceExhausted(health_)) Cancel(&retry_);
  Ask({peer});
}

void KeySession::PathChanged() {
  if (!retry_ || absl::IsPermissionDenied(health_) || absl::IsResourceExhausted(health_)) return;
  again_.Reset();
  RetryAfter(parts_.random.Jitter(kSoon, 1.0));
}

void KeySession::Forget(const HenbId& peer) {
  to_ask_.erase(peer);
  asking_.erase(peer);
}

void KeySession::Void(const HenbId& peer) {
  if (asking_.erase(peer) > 0) to_ask_.insert(peer);
}

void KeySession::Pump() {
  if (calling_ || retry_) return;
  if (!wanted_) {
    if (linger_) return;
    Cancel(&lease_);
    registered_ = false;
    if (!std::exchange(watching_, false)) return;
    Call(
        [&service = parts_.service] {
          service.StopWatch();
          return true;
        },
        [](bool) {});
    return;
  }
  if (registered_ && !to_ask_.empty()) return AskBatch();
  if (!registered_ || stale_) Register();
}

template <typename Job, typename Done>
void KeySession::Call(Job job, Done done) {
  calling_ = true;
  parts_.worker.Run(std::move(job), [this, alive = alive_, done = std::move(done)](auto result) mutable {
    if (!*alive) return;
    calling_ = false;
    done(std::move(result));
    Pump();
  });
}

void KeySession::Register() {
  stale_ = false;
  core::KeyService::EventSink sink = [this, alive = alive_, &loop = parts_.loop](core::KeyServiceEvent event) {
    loop.Post([this, alive, event = std::move(event)] {
      if (*alive && wanted_) parts_.event(event);
    });
  };
  // The watch starts before the first keys are asked for, so that no change falls between.
  auto job = [&service = parts_.service, facts = parts_.facts(), watching = watching_, sink = std::move(sink)] {
    Registration out{.result = service.Register(facts), .watching = watching};
    if (!watching && !absl::IsPermissionDenied(out.result.status())) {
      service.StartWatch(sink);
      out.watching = true;
    }
    return out;
  };
  Call(std::move(job), [this](const Registration& out) {
    watching_ = out.watching;
    Registered(out.result);
  });
}

void KeySession::Registered(const absl::StatusOr<core::RegisterResult>& result) {
  if (!wanted_) return;
  health_ = result.status();
  if (absl::IsPermissionDenied(health_)) return Refused(health_);
  if (IsUnreachable(health_) || absl::IsResourceExhausted(health_)) return NotNow(health_);
  away_since_.reset();
  absl::Duration again = kRegisterAgain;
  if (result.ok()) {
    again_.Reset();
    again_refused_.Reset();
    again = std::max(result->lease, kShortestLease) * 2 / 3;
    common::LogInfo("key.registered", {{"as", result->henb_id}, {"lease_s", absl::ToInt64Seconds(result->lease)}});
  } else {
    // The right to keys does not hang on it.
    common::LogWarning("key.register_failed", {{"error", health_}});
  }
  registered_ = true;
  Cancel(&lease_);
  lease_ = parts_.loop.After(parts_.random.Jitter(again, 0.1), [this] {
    lease_.reset();
    registered_ = false;
    Pump();
  });
}

void KeySession::AskBatch() {
  std::vector<HenbId> peers;
  while (!to_ask_.empty() && peers.size() < kBatch) peers.push_back(to_ask_.extract(to_ask_.begin()).value());
  asking_ = {peers.begin(), peers.end()};
  auto job = [&service = parts_.service, peers] { return service.GetPairKeys(peers); };
  Call(std::move(job), [this, peers = std::move(peers)](absl::StatusOr<std::vector<core::PairResult>> results) {
    Answered(peers, std::move(results));
  });
}

void KeySession::Answered(const std::vector<HenbId>& peers, absl::StatusOr<std::vector<core::PairResult>> results) {
  if (!wanted_) return;
  if (results.ok() && results->size() != peers.size())
    results = absl::InternalError("not as many answers as questions");
  for (std::size_t i = 0; results.ok() && i < peers.size(); ++i) {
    if ((*results)[i].peer != peers[i]) results = absl::InternalError("answers out of order");
  }
  health_ = results.status();
  const std::set<HenbId> asked = std::exchange(asking_, {});
  if (!results.ok()) {
    to_ask_.insert(asked.begin(), asked.end());
    return absl::IsPermissionDenied(health_) ? Refused(health_) : NotNow(health_);
  }
  again_.Reset();
  again_refused_.Reset();
  away_since_.reset();
  for (core::PairResult& result : *results) {
    if (asked.contains(result.peer)) parts_.answered(std::move(result));
  }
}

void KeySession::NotNow(const absl::Status& error) {
  absl::Duration earliest;
  if (absl::IsResourceExhausted(error)) {
    away_since_.reset();
    earliest = std::min(core::RetryAfterOf(error), kMostRetryAfter);
    common::LogWarning("key.service_busy", {{"error", error}, {"retry_after_ms", absl::ToInt64Milliseconds(earliest)}});
  } else {
    if (!away_since_) away_since_ = parts_.clock.Now();
    common::LogWarning("key.service_unreachable", {{"error", error}, {"failures", again_.attempts()}});
  }
  RetryAfter(earliest + again_.Next(parts_.random));
  parts_.not_now(error);
}

void KeySession::Refused(const absl::Status& error) {
  health_ = error;
  away_since_.reset();
  registered_ = false;
  Cancel(&lease_);
  common::LogAlarm("key.service_refuses", {{"error", error}});
  RetryAfter(again_refused_.Next(parts_.random));
  parts_.refused(error);
}

void KeySession::RetryAfter(absl::Duration delay) {
  Cancel(&retry_);
  retry_ = parts_.loop.After(delay, [this] {
    retry_.reset();
    Pump();
  });
}

void KeySession::Cancel(std::optional<common::EventLoop::TimerId>* timer) {
  if (*timer) parts_.loop.CancelTimer(**timer);
  timer->reset();
}

}  // namespace henb::x2sec::app
