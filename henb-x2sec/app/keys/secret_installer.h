// Pair keys on their way into the file that pluto reads.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/event_loop.h"
#include "common/random.h"
#include "common/secret_bytes.h"
#include "common/worker.h"
#include "henb-x2sec/core/ports/ike_daemon.h"
#include "henb-x2sec/core/ports/secret_store.h"

namespace henb::x2sec::app {

/// Collects changes while one batch is being written, so that pluto rereads once for many of them; one batch at a time,
/// on the worker. What fails is tried again with back-off. Loop thread.
class SecretInstaller {
 public:
  /// OK: the pair's key is in the file and pluto has read it. Else it is not there yet, and why; it is tried again.
  using Report = std::function<void(const common::HenbId& peer, const absl::Status&)>;

  SecretInstaller(common::HenbId local, core::SecretStore& store, core::IkeDaemon& ike, common::Worker& worker,
                  common::EventLoop& loop, common::Random& random, Report report);
  ~SecretInstaller();
  SecretInstaller(const SecretInstaller&) = delete;
  SecretInstaller& operator=(const SecretInstaller&) = delete;

  void Put(const common::HenbId& peer, common::SecretBytes key);
  void Remove(const common::HenbId& peer);
  /// Removes what an earlier run left, but for these peers. Before the first Put.
  void RemoveAllBut(const std::set<common::HenbId>& peers);

 private:
  using Changes = std::map<core::SecretPair, std::optional<common::SecretBytes>>;  // None: remove.
  struct Written {
    Changes changes;
    std::map<core::SecretPair, absl::Status> failed;
    absl::Status reread;
  };
  void Flush();
  void Finished(Written written);
  void TryAgainLater();

  const common::HenbId local_;
  core::SecretStore& store_;
  core::IkeDaemon& ike_;
  common::Worker& worker_;
  common::EventLoop& loop_;
  common::Random& random_;
  Report report_;
  Changes changes_;                  // Not written yet.
  std::set<common::HenbId> unread_;  // Written, but pluto has not read them yet.
  bool reread_ = false;              // Pluto must read again though nothing is to be written.
  bool writing_ = false;
  int failures_ = 0;
  std::optional<common::EventLoop::TimerId> again_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace henb::x2sec::app
