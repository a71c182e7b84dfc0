#include "henb-x2sec/app/keys/secret_installer.h"

#include <algorithm>

#include "common/backoff.h"
#include "common/log.h"

namespace henb::x2sec::app {
namespace {

constexpr absl::Duration kFirstRetry = absl::Seconds(1);
constexpr absl::Duration kLongestRetry = absl::Seconds(15);

}  // namespace

SecretInstaller::SecretInstaller(common::HenbId local, core::SecretStore& store, core::IkeDaemon& ike,
                                 common::Worker& worker, common::EventLoop& loop, common::Random& random, Report report)
    : local_(std::move(local)),
      store_(store),
      ike_(ike),
      worker_(worker),
      loop_(loop),
      random_(random),
      report_(std::move(report)) {}

SecretInstaller::~SecretInstaller() {
  *alive_ = false;
  if (again_) loop_.CancelTimer(*again_);
}

void SecretInstaller::Put(const common::HenbId& peer, common::SecretBytes key) {
  changes_[{local_, peer}] = std::move(key);
  unread_.erase(peer);
  Flush();
}

void SecretInstaller::Remove(const common::HenbId& peer) {
  changes_[{local_, peer}] = std::nullopt;
  unread_.erase(peer);
  Flush();
}

void SecretInstaller::RemoveAllBut(const std::set<common::HenbId>& peers) {
  for (const core::SecretPair& pair : store_.Pairs()) {
    if (pair.local == local_ && peers.contains(pair.peer)) continue;
    changes_[pair] = std::nullopt;
  }
  Flush();
}

void SecretInstaller::Flush() {
  if (writing_ || again_ || (changes_.empty() && !reread_)) return;
  writing_ = true;
  auto job = [&store = store_, &ike = ike_, changes = std::exchange(changes_, {})]() mutable {
    Written written;
    for (const auto& [pair, key] : changes) {
      const absl::Status done = key ? store.Put(pair.local, pair.peer, *key) : store.Remove(pair.local, pair.peer);
      if (!done.ok()) written.failed[pair] = done;
    }
    written.reread = ike.RereadSecrets();
    written.changes = std::move(changes);
    return written;
  };
  worker_.Run(std::move(job), [this, alive = alive_](Written written) {
    if (*alive) Finished(std::move(written));
  });
}

void SecretInstaller::Finished(Written written) {
  writing_ = false;
  for (auto& [pair, key] : written.changes) {
    const auto failed = written.failed.find(pair);
    const bool superseded = changes_.contains(pair);
    if (failed != written.failed.end()) {
      common::LogWarning("key.not_written", {{"neighbour", pair.peer.str()}, {"error", failed->second}});
      if (superseded) continue;
      if (key) report_(pair.peer, failed->second);
      changes_.try_emplace(pair, std::move(key));
    } else if (key && !superseded) {
      unread_.insert(pair.peer);
    }
  }
  reread_ = !written.reread.ok();
  if (reread_) {
    common::LogWarning("key.not_reread", {{"error", written.reread}});
    for (const common::HenbId& peer : unread_) report_(peer, written.reread);
  } else {
    for (const common::HenbId& peer : std::exchange(unread_, {})) report_(peer, absl::OkStatus());
  }
  if (reread_ || !written.failed.empty()) return TryAgainLater();
  failures_ = 0;
  Flush();
}

void SecretInstaller::TryAgainLater() {
  const absl::Duration delay = common::DoubledDelay(kFirstRetry, failures_++, kLongestRetry);
  again_ = loop_.After(random_.Jitter(delay, 0.25), [this] {
    again_.reset();
    Flush();
  });
}

}  // namespace henb::x2sec::app
