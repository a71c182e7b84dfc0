// nem-gateway put together.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/random.h"
#include "common/unique_fd.h"
#include "henb-x2sec/nem/batch_runner.h"
#include "henb-x2sec/nem/config.h"
#include "henb-x2sec/nem/files.h"
#include "henb-x2sec/nem/https_server.h"
#include "henb-x2sec/nem/nem_api.h"
#include "henb-x2sec/nem/request_store.h"

namespace henb::x2sec::nem {

/// Owns the HTTPS server (the caller's thread, in Run) and the batches (a thread of their own), each with its own
/// connection to the store. Everything but Stop on the caller's thread.
class Program {
 public:
  /// FailedPrecondition: another nem-gateway has the store; otherwise what cannot be opened.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Program>> Start(const Config& config, const common::Clock& clock,
                                                                      common::Random& random);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  [[nodiscard]] std::uint16_t port() const { return server_->port(); }
  /// `ready` runs on Run's thread when `fd` can be read.
  void WatchReadable(int fd, std::function<void()> ready) { server_->WatchReadable(fd, std::move(ready)); }
  void Run() { server_->Run(); }
  /// From within Run: it returns, and the batch under way ends after its present questions.
  void Stop();
  /// The operator's list is read again. The error names file and line; the old list stays.
  [[nodiscard]] absl::Status Reload();

 private:
  Program(const Config& config, const common::Clock& clock, common::Random& random);
  absl::Status Open();
  void RunBatches();
  /// False: the program ends.
  bool WaitForWork(absl::Duration most);
  bool WaitAtRa(absl::Duration delay);

  const Config config_;
  const common::Clock& clock_;
  common::Random& random_;
  common::UniqueFd lock_;
  Files files_;
  std::unique_ptr<RequestStore> server_store_, batch_store_;
  std::unique_ptr<NemApi> api_;
  std::unique_ptr<HttpsServer> server_;
  std::unique_ptr<BatchRunner> batches_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool work_ = false;
  bool stopping_ = false;
  std::thread batch_thread_;
};

}  // namespace henb::x2sec::nem
