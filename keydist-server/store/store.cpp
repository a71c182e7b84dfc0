#include "keydist-server/store/store.h"

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

}  // namespace henb::keydist::store
