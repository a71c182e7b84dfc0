#include "henb-x2sec/nem/batch_runner.h"

#include <algorithm>

#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/enrol/cmp_events.h"
#include "henb-x2sec/nem/lifecycle.h"

namespace henb::x2sec::nem {
namespace {

using common::LogAlarm;
using common::LogInfo;
using common::LogWarning;

void LogOutcome(const Request& request) {
  switch (request.state) {
    case RequestState::kIssued:
      return LogInfo(
          "nem.issued",
          {{"device", request.device.str()}, {"request", request.id}, {"serial", request.chain.front().serial_hex()}});
    case RequestState::kRefused:
      return LogWarning("nem.device_refused",
                        {{"device", request.device.str()}, {"request", request.id}, {"reason", request.detail}});
    default:
      return LogWarning("nem.not_issued", {{"device", request.device.str()},
                                           {"request", request.id},
                                           {"attempts", request.attempts},
                                           {"reason", request.detail}});
  }
}

/// The rest of a batch would only wait as long in vain.
bool MeansAway(const absl::Status& error) {
  return absl::IsUnavailable(error) || common::ToStd(error.message()).starts_with(enrol::event::kTimeout);
}

}  // namespace

BatchRunner::BatchRunner(Parts parts)
    : parts_(std::move(parts)),
      devices_(std::make_shared<DeviceList>()),
      clients_(static_cast<std::size_t>(std::max(parts_.connections, 1))) {}

BatchRunner::~BatchRunner() = default;

void BatchRunner::SetDevices(std::shared_ptr<const DeviceList> devices) {
  const std::lock_guard lock(mutex_);
  devices_ = std::move(devices);
}

absl::Status BatchRunner::PutLocked(const Request& request) {
  const std::lock_guard lock(mutex_);
  return parts_.store.Put(request);
}

absl::StatusOr<RaClient*> BatchRunner::ClientFor(std::size_t connection) {
  std::unique_ptr<RaClient>& slot = clients_[connection];
  if (slot == nullptr) {
    ASSIGN_OR_RETURN(slot, parts_.ra());
  }
  return slot.get();
}

absl::Status BatchRunner::Recover() {
  ASSIGN_OR_RETURN(std::vector<Request> cut_off, parts_.store.InState(RequestState::kSending));
  return parts_.store.Transact([&]() -> absl::Status {
    for (Request& request : cut_off) {
      request.state = RequestState::kPending;
      request.next_attempt = parts_.clock.Now();
      RETURN_IF_ERROR(parts_.store.Put(request));
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<BatchReport> BatchRunner::RunOnce() {
  BatchReport report;
  const absl::Time now = parts_.clock.Now();
  RETURN_IF_ERROR(parts_.store.Purge(now - parts_.keep_finished));
  ASSIGN_OR_RETURN(std::vector<Request> unwanted, parts_.store.ToRevoke(now, parts_.batch_size));
  ASSIGN_OR_RETURN(std::vector<Request> unsure, parts_.store.Due(RequestState::kConfirming, now, parts_.batch_size));
  unwanted.insert(unwanted.end(), std::make_move_iterator(unsure.begin()), std::make_move_iterator(unsure.end()));
  RETURN_IF_ERROR(Revoke(std::move(unwanted), &report));

  away_ = false;
  ASSIGN_OR_RETURN(std::vector<Request> batch, TakeBatch(&report));
  if (batch.empty()) return report;
  std::atomic<std::size_t> next{0};
  std::vector<std::thread> workers;
  const std::size_t wanted = std::min(clients_.size(), batch.size());
  for (std::size_t i = 0; i < wanted; ++i) {
    if (const absl::StatusOr<RaClient*> client = ClientFor(i); !client.ok()) return client.status();
  }
  for (std::size_t i = 0; i < wanted; ++i) {
    workers.emplace_back([this, i, &batch, &next, &report] {
      for (std::size_t at = next++; at < batch.size(); at = next++) {
        if (!stopping_) AskFor(*clients_[i], batch[at], report);
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  LogInfo("nem.batch_done",
          {{"asked", report.asked}, {"issued", report.issued}, {"refused", report.refused}, {"later", report.later}});
  RETURN_IF_ERROR(std::exchange(store_error_, absl::OkStatus()));
  // What was not asked because the program ends.
  if (stopping_) RETURN_IF_ERROR(Recover());
  return report;
}

absl::Status BatchRunner::Revoke(std::vector<Request> due, BatchReport* report) {
  if (due.empty() || stopping_) return absl::OkStatus();
  ASSIGN_OR_RETURN(RaClient* const client, ClientFor(0));
  for (Request& request : due) {
    const std::string serial = request.chain.front().serial_hex();
    const absl::Status outcome = client->Revoke(request.chain.front());
    SettleRevocation(request, outcome, parts_.clock.Now(), parts_.random);
    const bool answered = outcome.ok() || absl::IsPermissionDenied(outcome);
    ++(answered ? report->revoked : report->waiting);
    LogInfo("nem.revoked",
            {{"device", request.device.str()}, {"serial", serial}, {"ok", outcome.ok()}, {"detail", outcome}});
    RETURN_IF_ERROR(PutLocked(request));
    if (!answered || stopping_) break;  // An RA/CA that is away is not asked a hundred times.
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Request>> BatchRunner::TakeBatch(BatchReport* report) {
  const std::lock_guard lock(mutex_);
  const absl::Time now = parts_.clock.Now();
  std::vector<Request> batch;
  const absl::Status taken = parts_.store.Transact([&]() -> absl::Status {
    ASSIGN_OR_RETURN(std::vector<Request> due, parts_.store.Due(RequestState::kPending, now, parts_.batch_size));
    for (Request& request : due) {
      const bool listed = devices_->Allows(request.device);
      request.state = listed ? RequestState::kSending : RequestState::kRefused;
      request.changed = now;
      if (!listed) request.detail = "the device is not on the operator's list";
      RETURN_IF_ERROR(parts_.store.Put(request));
      if (listed) {
        batch.push_back(std::move(request));
      } else {
        ++report->refused;
        LogOutcome(request);
      }
    }
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(taken);
  return batch;
}

void BatchRunner::AskFor(RaClient& client, Request& request, BatchReport& report) {
  const absl::StatusOr<enrol::Pkcs10> pkcs10 = enrol::ParsePkcs10(request.pkcs10);
  RaAnswer answer{absl::UnavailableError("not asked, since the RA/CA does not answer")};
  if (!pkcs10.ok()) {
    answer.path = pkcs10.status();
  } else if (!away_) {
    answer = client.Ask(*pkcs10, [&](const enrol::CertifiedPath& path) {
      request.state = RequestState::kConfirming;
      request.next_attempt = parts_.clock.Now();
      request.chain = {path.certificate};
      request.chain.insert(request.chain.end(), path.intermediates.begin(), path.intermediates.end());
      return PutLocked(request);
    });
    away_ = away_ || MeansAway(answer.path.status());
  }
  const std::lock_guard lock(mutex_);
  Settle(request, answer, parts_.clock.Now(), parts_.random);
  LogOutcome(request);
  ++report.asked;
  ++(request.state == RequestState::kIssued    ? report.issued
     : request.state == RequestState::kRefused ? report.refused
                                               : report.later);
  const absl::Status kept = parts_.store.Put(request);
  if (!kept.ok()) {
    // As if the program had ended here: what the file says is what counts.
    LogAlarm("nem.store_failed", {{"error", kept}});
    store_error_ = kept;
  }
}

}  // namespace henb::x2sec::nem
