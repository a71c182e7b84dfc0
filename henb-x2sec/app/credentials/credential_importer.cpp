#include "henb-x2sec/app/credentials/credential_importer.h"

#include <utility>

#include "common/log.h"

namespace henb::x2sec::app {

void CredentialImporter::Now() { static_cast<void>(Done(parts_.credentials.ToImport().Into(parts_.store))); }

void CredentialImporter::Begin() {
  again_ = running_;
  if (std::exchange(running_, true)) return;
  parts_.ike_worker.Run([&store = parts_.store, import = parts_.credentials.ToImport()] { return import.Into(store); },
                        [this](const absl::StatusOr<CredentialImport::Result>& result) {
                          running_ = false;
                          if (Done(result)) parts_.changed();
                          if (std::exchange(again_, false)) Begin();
                        });
}

bool CredentialImporter::Done(const absl::StatusOr<CredentialImport::Result>& result) {
  if (!result.ok()) {
    common::LogAlarm("credentials.import_failed", {{"error", result.status()}});
    return false;
  }
  const bool first = !std::exchange(imported_, true);
  if (first || result->root_is_new) TellPluto();
  const bool changed = parts_.credentials.Imported(*result);
  parts_.imported();
  return changed;
}

void CredentialImporter::TellPluto() {
  parts_.ike_worker.Run([&ike = parts_.ike] { return ike.TrustNewRoots(); },
                        [](const absl::Status& told) {
                          // One that is down reads all at its start.
                          if (!told.ok()) common::LogDebug("pluto.roots_not_told", {{"error", told}});
                        });
}

}  // namespace henb::x2sec::app
