// Brings what devices have uploaded to the RA/CA, in batches.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/random.h"
#include "henb-x2sec/nem/device_list.h"
#include "henb-x2sec/nem/ra_client.h"
#include "henb-x2sec/nem/request_store.h"

namespace henb::x2sec::nem {

/// What a batch did, device by device: one that fails leaves the others untouched.
struct BatchReport {
  int asked = 0;
  int issued = 0;
  int refused = 0;
  int later = 0;    ///< Asked again with back-off.
  int revoked = 0;  ///< rr that were answered.
  int waiting = 0;  ///< rr that were not.
};

/// Owns the requests from kSending to their outcome. RunOnce on one thread at a time; SetDevices and Stop on any.
class BatchRunner {
 public:
  struct Parts {
    RequestStore& store;  ///< This runner's own; used by its threads one at a time.
    RaClientFactory ra;   ///< One client for each connection.
    const common::Clock& clock;
    common::Random& random;
    std::size_t batch_size = 100;
    int connections = 4;
    absl::Duration keep_finished = absl::Hours(720);
  };
  explicit BatchRunner(Parts parts);
  ~BatchRunner();

  /// At start: what was being asked when the program ended is asked again. A certificate for it was never confirmed,
  /// so the RA/CA lets it go by itself.
  [[nodiscard]] absl::Status Recover();
  /// Revocations that are due, then one batch. Errors are the store's.
  [[nodiscard]] absl::StatusOr<BatchReport> RunOnce();

  void SetDevices(std::shared_ptr<const DeviceList> devices);
  /// A batch that runs ends after the questions under way.
  void Stop() { stopping_ = true; }

 private:
  absl::Status Revoke(std::vector<Request> due, BatchReport* report);
  absl::StatusOr<std::vector<Request>> TakeBatch(BatchReport* report);
  void AskFor(RaClient& client, Request& request, BatchReport& report);
  absl::Status PutLocked(const Request& request);
  absl::StatusOr<RaClient*> ClientFor(std::size_t connection);

  Parts parts_;
  std::mutex mutex_;  ///< The store, devices_, the report and store_error_.
  std::shared_ptr<const DeviceList> devices_;
  std::vector<std::unique_ptr<RaClient>> clients_;
  absl::Status store_error_;
  std::atomic<bool> away_{false};  ///< The RA/CA did not answer in this batch.
  std::atomic<bool> stopping_{false};
};

}  // namespace henb::x2sec::nem
