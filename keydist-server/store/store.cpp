#include "keydist-server/store/store.h"

#include "keydist-server/domain/root_sealer.h"

namespace henb::keydist::store {

absl::StatusOr<std::vector<absl::Status>> Store::CreateHenbs(const std::vector<domain::HenbRecord>& records) {
  std::vector<absl::Status> statuses;
  statuses.reserve(records.size());
  for (const domain::HenbRecord& record : records) {
    absl::Status status = CreateHenb(record).status();
    if (!status.ok() && !absl::IsAlreadyExists(status)) return status;
    statuses.push_back(std::move(status));
  }
  return statuses;
}

bool IsSealedUnder(const StoredKek& kek, std::string_view sealed) { return domain::KekIdOf(sealed) == kek.id; }

bool AreTheLiveRoots(const std::vector<StoredEpoch>& epochs, const std::vector<ResealedRoot>& roots) {
  auto root = roots.begin();
  for (const StoredEpoch& epoch : epochs) {
    if (epoch.sealed.empty()) continue;
    if (root == roots.end() || root->epoch != epoch.number || root->before != epoch.sealed) return false;
    ++root;
  }
  return root == roots.end();
}

}  // namespace henb::keydist::store
