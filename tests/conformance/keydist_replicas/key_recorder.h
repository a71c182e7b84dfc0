// What HeNBs were given, over a whole run: there must be one key for each pair, epoch, generations and purpose (R49).
#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "common/digest.h"
#include "common/strings.h"

namespace henb::keydist::test {

/// Keeps a digest of every key ever handed out. Any thread.
class KeyRecorder {
 public:
  struct Seen {
    std::string_view caller;
    std::string_view peer;
    std::uint64_t epoch = 0;
    std::uint32_t generation_local = 0;
    std::uint32_t generation_peer = 0;
    int purpose = 0;
    std::string_view key;
  };
  /// `by` says who was asked, for the message.
  void Record(const Seen& seen, std::string_view by) {
    Name name{std::string(seen.caller),
              seen.generation_local,
              std::string(seen.peer),
              seen.generation_peer,
              seen.epoch,
              seen.purpose};
    if (seen.peer < seen.caller) {
      std::swap(std::get<0>(name), std::get<2>(name));
      std::swap(std::get<1>(name), std::get<3>(name));
    }
    const common::Sha256Digest digest = common::Sha256Digest::Of(seen.key);
    const std::lock_guard lock(mutex_);
    ++total_;
    epochs_.insert(seen.epoch);
    const auto [found, is_new] = keys_.try_emplace(std::move(name), digest, std::string(by));
    if (is_new || found->second.first == digest) return;
    conflicts_.push_back(common::StrCat(seen.caller, " and ", seen.peer, ", epoch ", seen.epoch, ", generations ",
                                        seen.generation_local, " and ", seen.generation_peer, ": one key from ",
                                        found->second.second, ", another from ", by));
  }

  [[nodiscard]] std::vector<std::string> conflicts() const {
    const std::lock_guard lock(mutex_);
    return conflicts_;
  }
  [[nodiscard]] std::size_t total() const {
    const std::lock_guard lock(mutex_);
    return total_;
  }
  [[nodiscard]] std::size_t distinct() const {
    const std::lock_guard lock(mutex_);
    return keys_.size();
  }
  [[nodiscard]] std::size_t epochs() const {
    const std::lock_guard lock(mutex_);
    return epochs_.size();
  }

 private:
  using Name = std::tuple<std::string, std::uint32_t, std::string, std::uint32_t, std::uint64_t, int>;
  mutable std::mutex mutex_;
  std::map<Name, std::pair<common::Sha256Digest, std::string>> keys_;
  std::set<std::uint64_t> epochs_;
  std::vector<std::string> conflicts_;
  std::size_t total_ = 0;
};

}  // namespace henb::keydist::test
