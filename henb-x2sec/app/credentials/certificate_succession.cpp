#include "henb-x2sec/app/credentials/certificate_succession.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/core/epoch_schedule.h"

namespace henb::x2sec::app {
namespace {

using common::StrCat;

constexpr absl::Duration kLookEvery = absl::Seconds(2);
// The end that does not start key changes leaves the other one time: its change shows our new certificate as well.
constexpr absl::Duration kHeadStart = absl::Seconds(6);
constexpr absl::Duration kRemoveAgain = absl::Seconds(30);
constexpr double kJitter = 0.25;

absl::StatusOr<std::set<std::string>> Load(const std::string& path) {
  const absl::StatusOr<std::string> text = common::ReadFile(path);
  if (absl::IsNotFound(text.status())) return std::set<std::string>{};
  RETURN_IF_ERROR(text.status());
  const nlohmann::json json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object() || !json.contains("superseded") || !json["superseded"].is_array()) {
    return absl::DataLossError(StrCat(path, ": not understood"));
  }
  std::set<std::string> ckaids;
  for (const auto& each : json["superseded"]) {
    if (!each.is_string()) return absl::DataLossError(StrCat(path, ": superseded[] is not text"));
    ckaids.insert(each.get<std::string>());
  }
  return ckaids;
}

}  // namespace

CertificateSuccession::CertificateSuccession(Parts parts) : parts_(std::move(parts)) {
  absl::StatusOr<std::set<std::string>> loaded = Load(parts_.path);
  if (loaded.ok()) {
    superseded_ = *std::move(loaded);
  } else {
    common::LogAlarm("succession.unreadable", {{"error", loaded.status()}});  // old keys stay: harmless
  }
}

CertificateSuccession::~CertificateSuccession() {
  if (timer_) parts_.loop.CancelTimer(*timer_);
}

absl::Status CertificateSuccession::Save() const {
  const nlohmann::json json = {{"superseded", superseded_}};
  return common::WithContext(common::WriteFileAtomically(parts_.path, json.dump() + "\n", 0600),
                             "keeping the list of superseded keys");
}

absl::Status CertificateSuccession::WillReplace(const std::string& ckaid) {
  if (ckaid.empty() || !superseded_.insert(ckaid).second) return absl::OkStatus();
  absl::Status saved = Save();
  if (!saved.ok()) superseded_.erase(ckaid);
  return saved;
}

std::set<std::string> CertificateSuccession::ToGo() const {
  std::set<std::string> out = superseded_;
  out.erase(parts_.credentials.vendor().ckaid);
  const std::optional<Credential>& held = parts_.credentials.operator_credential();
  if (held) out.erase(held->ckaid);
  return out;
}

void CertificateSuccession::Begin() {
  if (ToGo().empty()) return;
  newest_old_.reset();
  attempts_.clear();
  Baseline();
}

/// Everything that pluto lists right after it has reread its certificates may have been authenticated by the old one.
void CertificateSuccession::Baseline() {
  if (asking_) return;
  asking_ = true;
  parts_.ike_worker.Run(
      [ike = &parts_.ike]() -> absl::StatusOr<std::uint64_t> {
        RETURN_IF_ERROR(ike->RereadCertificates());
        ASSIGN_OR_RETURN(const core::IkeSnapshot states, ike->States());
        std::uint64_t newest = 0;
        for (const core::IkeSa& sa : states.ike_sas) newest = std::max(newest, sa.serial);
        return newest;
      },
      [this](const absl::StatusOr<std::uint64_t>& newest) {
        asking_ = false;
        if (newest.ok()) {
          newest_old_ = *newest;
          const absl::Duration now = parts_.clock.Steady();
          const auto left = parts_.left_behind(*newest).value_or(std::vector<common::HenbId>{});
          for (const common::HenbId& id : left) {
            const absl::Duration wait = parts_.starts(id) ? absl::ZeroDuration() : kHeadStart;
            attempts_[id].next = now + parts_.random.Jitter(wait, kJitter);
          }
          common::LogInfo("succession.begun", {{"links", left.size()}, {"keys", ToGo().size()}});
          parts_.look_at_pluto();
        }
        WorkIn(kLookEvery);  // pluto away: it is asked again
      });
}

void CertificateSuccession::WorkIn(absl::Duration delay) {
  if (timer_) parts_.loop.CancelTimer(*timer_);
  timer_ = parts_.loop.After(parts_.random.Jitter(delay, kJitter), [this] {
    timer_.reset();
    Work();
  });
}

void CertificateSuccession::Work() {
  if (ToGo().empty() || moving_ || removing_) return;
  if (!newest_old_) return Baseline();
  const std::optional<std::vector<common::HenbId>> left = parts_.left_behind(*newest_old_);
  if (left && left->empty()) return RemoveKeys();
  if (left) MoveOne(*left);
  parts_.look_at_pluto();
  WorkIn(kLookEvery);
}

void CertificateSuccession::MoveOne(const std::vector<common::HenbId>& left) {
  const auto first = std::min_element(
      left.begin(), left.end(), [this](const auto& a, const auto& b) { return attempts_[a].next < attempts_[b].next; });
  if (parts_.clock.Steady() < attempts_[*first].next) return;
  moving_ = *first;
  parts_.change_key(*first, [this, id = *first](const absl::Status& status) { Moved(id, status); });
}

void CertificateSuccession::Moved(const common::HenbId& id, const absl::Status& status) {
  moving_.reset();
  Attempts& attempts = attempts_[id];
  if (status.ok()) {
    common::LogInfo("succession.link_moved", {{"neighbour", id.str()}});
    parts_.note("succession.link_moved", true, id.str());
    attempts.next = parts_.clock.Steady() + kLookEvery;
  } else {
    // The old SA carries on; a link that is not up has nothing to move, and its remains end by themselves.
    const absl::Duration delay = parts_.random.Jitter(core::KeyChangeAgainIn(attempts.failed++), kJitter);
    common::LogWarning("succession.link_stays",
                       {{"neighbour", id.str()}, {"error", status}, {"retry_in_s", absl::ToInt64Seconds(delay)}});
    parts_.note("succession.link_stays", false, StrCat(id.str(), ": ", status.message()));
    attempts.next = parts_.clock.Steady() + delay;
  }
  WorkIn(absl::Milliseconds(200));
}

void CertificateSuccession::RemoveKeys() {
  removing_ = true;
  const std::string ckaid = *ToGo().begin();
  parts_.ike_worker.Run([store = &parts_.store, ckaid] { return store->DeleteKey(ckaid); },
                        [this, ckaid](const absl::Status& status) { Removed(ckaid, status); });
}

void CertificateSuccession::Removed(const std::string& ckaid, const absl::Status& status) {
  removing_ = false;
  absl::Status done = status;
  if (done.ok()) {
    superseded_.erase(ckaid);
    done = Save();
  }
  if (!done.ok()) {
    superseded_.insert(ckaid);
    common::LogWarning("succession.old_key_stays", {{"ckaid", ckaid}, {"error", done}});
    return WorkIn(kRemoveAgain);
  }
  common::LogInfo("succession.old_key_removed", {{"ckaid", ckaid}});
  parts_.note("succession.old_key_removed", true, ckaid);
  Work();
}

}  // namespace henb::x2sec::app
