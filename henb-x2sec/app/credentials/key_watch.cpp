#include "henb-x2sec/app/credentials/key_watch.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "common/log.h"
#include "common/strings.h"

namespace henb::x2sec::app {
namespace {

// R58: 5 s. It takes two looks, and a moment for taking SAs down.
constexpr absl::Duration kEvery = absl::Milliseconds(1500);

bool HasAllOf(const Credentials& credentials, const std::set<std::string>& ckaids) {
  const std::optional<Credential>& enrolled = credentials.operator_credential();
  return (credentials.vendor().ckaid.empty() || ckaids.contains(credentials.vendor().ckaid)) &&
         (!enrolled || ckaids.contains(enrolled->ckaid));
}

}  // namespace

void KeyWatch::Start() {
  seen_ = StampNow();
  parts_.loop.After(kEvery, [this] { Look(); });
}

/// Of the files that NSS keeps keys and certificates in.
KeyWatch::Stamp KeyWatch::StampNow() const {
  Stamp stamp{};
  std::size_t at = 0;
  for (const char* name : {"/key4.db", "/cert9.db"}) {
    struct stat info {};
    const bool there = stat(common::StrCat(parts_.nssdb, name).c_str(), &info) == 0;
    stamp[at++] = there ? static_cast<std::int64_t>(info.st_ino) : -1;
    stamp[at++] = there ? static_cast<std::int64_t>(info.st_size) : -1;
    stamp[at++] = there ? info.st_mtim.tv_sec * 1'000'000'000LL + info.st_mtim.tv_nsec : -1;
  }
  return stamp;
}

void KeyWatch::Look() {
  parts_.loop.After(kEvery, [this] { Look(); });
  const Stamp now = StampNow();
  if (asking_ || (now == seen_ && !parts_.token)) return;
  seen_ = now;
  asking_ = true;
  parts_.worker.Run([store = &parts_.store] { return store->Keys(); },
                    [this](const absl::StatusOr<std::vector<core::StoredKey>>& keys) {
                      asking_ = false;
                      if (parts_.token) LookAtToken(keys);
                      // A token that can't be used has none of them.
                      const bool none = parts_.token && absl::IsFailedPrecondition(keys.status());
                      Found(none ? std::vector<core::StoredKey>() : keys);
                    });
}

void KeyWatch::LookAtToken(const absl::StatusOr<std::vector<core::StoredKey>>& keys) {
  std::set<std::string> there;
  for (const core::StoredKey& key : keys.ok() ? *keys : std::vector<core::StoredKey>()) there.insert(key.ckaid);
  const bool more = !std::includes(in_token_.begin(), in_token_.end(), there.begin(), there.end());
  const bool usable_again = token_looked_at_ && keys.ok() && (!token_state_.ok() || more);
  if (!keys.ok() && token_state_.ok()) common::LogAlarm("credentials.token_unusable", {{"error", keys.status()}});
  token_looked_at_ = true;
  token_state_ = keys.status();
  in_token_ = std::move(there);
  if (!usable_again) return;
  common::LogInfo("credentials.token_usable", {{"keys", in_token_.size()}});
  parts_.back();
}

void KeyWatch::Found(const absl::StatusOr<std::vector<core::StoredKey>>& keys) {
  if (!keys.ok()) {
    // Whether the keys are there is not known; pluto has them loaded. Looked at again.
    common::LogWarning("credentials.keys_not_listed", {{"error", keys.status()}});
    seen_ = {};
    return;
  }
  std::set<std::string> present;
  for (const core::StoredKey& key : *keys) present.insert(key.ckaid);
  const bool all = HasAllOf(parts_.credentials, present);
  if (all || !doubted_) {
    // A database that somebody is writing may not show everything: missed twice is gone.
    doubted_ = !all;
    if (doubted_) seen_ = {};
    return;
  }
  doubted_ = false;
  const std::vector<std::string> lost = parts_.credentials.KeepOnly(present);
  for (const std::string& subject : lost) common::LogAlarm("credentials.key_removed", {{"subject", subject}});
  if (!lost.empty()) parts_.gone();
}

}  // namespace henb::x2sec::app
