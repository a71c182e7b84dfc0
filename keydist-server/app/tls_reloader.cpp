#include "keydist-server/app/tls_reloader.h"

#include <sys/stat.h>

#include <algorithm>

#include "common/log.h"
#include "common/status.h"

namespace henb::keydist::app {
namespace {

std::string FingerprintOf(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return "absent";
  return common::StrCat(info.st_dev, " ", info.st_ino, " ", info.st_size, " ", info.st_mtim.tv_sec, ".",
                        info.st_mtim.tv_nsec, " ", info.st_ctim.tv_sec, ".", info.st_ctim.tv_nsec);
}

}  // namespace

TlsReloader::TlsReloader(const Config& config, const TlsMaterial& first, ListenerTls& listener,
                         rpc::PeerVerifier& verifier)
    : config_(config), listener_(listener), verifier_(verifier) {
  Remember(first);
  judged_ = seen_ = Look();
}

TlsReloader::Fingerprint TlsReloader::Look() const {
  Fingerprint all = {FingerprintOf(config_.certificate), FingerprintOf(config_.key)};
  for (const auto* paths : {&config_.anchors, &config_.client_crls}) {
    for (const std::string& path : *paths) all.push_back(FingerprintOf(path));
  }
  return all;
}

void TlsReloader::Remember(const TlsMaterial& material) {
  const auto leaf = common::Certificate::FromPem(material.certificate_pem);
  const std::lock_guard lock(mutex_);
  facts_ = {};
  facts_.first_list_ends = material.lists.first_end();
  if (leaf.ok()) facts_.certificate_ends = leaf->not_after();
  for (const common::Certificate& anchor : material.anchors) {
    facts_.first_anchor_ends = std::min(facts_.first_anchor_ends.value_or(absl::InfiniteFuture()), anchor.not_after());
  }
}

absl::Status TlsReloader::Reload(const Config& config) {
  Config before = std::exchange(config_, config);
  judged_ = seen_ = Look();
  const absl::StatusOr<TlsMaterial> material = LoadTls(config);
  absl::Status status = material.status();
  if (status.ok()) status = verifier_.Replace(material->anchors, material->lists);
  if (!status.ok()) {
    config_ = std::move(before);
    common::LogAlarm("tls_reload_refused", {{"error", status}});
    const std::lock_guard lock(mutex_);
    facts_.reload = status;
    return status;
  }
  listener_.Use(*material);
  Remember(*material);
  common::LogInfo(
      "tls_reloaded",
      {{"not_after", absl::FormatTime(facts().certificate_ends.value_or(absl::Time()), absl::UTCTimeZone())},
       {"anchors", material->anchors.size()},
       {"revocation_lists", material->lists.size()}});
  return absl::OkStatus();
}

void TlsReloader::Tick() {
  Fingerprint now = Look();
  if (now == judged_) return;
  if (now != seen_) {  // Certificate and key come one after the other.
    seen_ = std::move(now);
    return;
  }
  const Config same = config_;
  Reload(same).IgnoreError();  // Said in the log and in the health.
}

TlsFacts TlsReloader::facts() const {
  const std::lock_guard lock(mutex_);
  return facts_;
}

}  // namespace henb::keydist::app
