// Whether the key-encryption keys can be used: a token may be gone hours before an epoch's root needs it.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "absl/time/time.h"
#include "keydist-server/domain/root_sealer.h"

namespace henb::keydist::app {

/// Tries each KEK now and then, on a thread of its own: a token may take its time. Any thread.
class KekWatch {
 public:
  static constexpr absl::Duration kEvery = absl::Seconds(30);
  explicit KekWatch(domain::RootSealer keks, absl::Duration every = kEvery);
  ~KekWatch();
  KekWatch(const KekWatch&) = delete;
  KekWatch& operator=(const KekWatch&) = delete;

  void Use(domain::RootSealer keks);
  /// Of the last time; an alarm says when it changes.
  [[nodiscard]] absl::Status health() const;

 private:
  void Run();
  const absl::Duration every_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  domain::RootSealer keks_;
  absl::Status health_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace henb::keydist::app
