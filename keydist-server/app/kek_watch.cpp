#include "keydist-server/app/kek_watch.h"

#include "common/log.h"
#include "common/status.h"

namespace henb::keydist::app {
namespace {

absl::Status Check(const domain::RootSealer& keks) {
  absl::Status first;
  for (const auto& kek : keks.keks()) first.Update(kek->Check());
  return first;
}

}  // namespace

KekWatch::KekWatch(domain::RootSealer keks, absl::Duration every)
    : every_(every), keks_(std::move(keks)), thread_([this] { Run(); }) {}

KekWatch::~KekWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void KekWatch::Use(domain::RootSealer keks) {
  const std::lock_guard lock(mutex_);
  keks_ = std::move(keks);
  health_ = absl::OkStatus();
}

absl::Status KekWatch::health() const {
  const std::lock_guard lock(mutex_);
  return health_;
}

void KekWatch::Run() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, absl::ToChronoNanoseconds(every_), [this] { return stopping_; })) {
    const domain::RootSealer keks = keks_;
    lock.unlock();
    const absl::Status status = Check(keks);
    lock.lock();
    if (keks.keks() != keks_.keks()) continue;  // Others are in use since.
    if (status.ok() != health_.ok()) {
      if (status.ok()) {
        common::LogInfo("kek_back");
      } else {
        common::LogAlarm("kek_away", {{"error", status}});
      }
    }
    health_ = status;
  }
}

}  // namespace henb::keydist::app
