// EtcdStore's epochs and the KEK that their roots are sealed under.
#include <algorithm>

#include "common/status.h"
#include "keydist-server/store/etcd_store.h"

namespace henb::keydist::store {
namespace {

constexpr int kMostConflicts = 16;  ///< Of a write that can be decided anew here.

}  // namespace

absl::StatusOr<std::uint64_t> EtcdStore::CreateEpoch(const StoredEpoch& epoch) {
  absl::Status made = absl::AlreadyExistsError(common::StrCat("epoch ", epoch.number, " has been made"));
  absl::Status gap =
      absl::FailedPreconditionError(common::StrCat("epoch ", epoch.number, " does not follow the highest"));
  if (epoch.number == 0) return gap;
  ASSIGN_OR_RETURN(const Found found, Find(keys_.Epoch(epoch.number)));
  if (found.entry) return made;
  if (epoch.number > 1) {  // Epochs are never taken away: what is there now is there at the transaction.
    ASSIGN_OR_RETURN(const Found before, Find(keys_.Epoch(epoch.number - 1)));
    if (!before.entry) return gap;
  }
  std::uint64_t seen = 0;
  ASSIGN_OR_RETURN(const EtcdSchema schema, FindSchema(&seen));
  absl::Status aborted = absl::AbortedError("another KEK is in force");
  if (schema.kek && !IsSealedUnder(*schema.kek, epoch.sealed)) return aborted;
  const std::pair<std::string, std::string> entry(keys_.Epoch(epoch.number), EncodeEpoch(epoch));
  absl::StatusOr<std::uint64_t> revision =
      Told(client_.PutWhen({{keys_.Schema(), seen}, {entry.first, 0}}, {&entry, 1}));
  if (!absl::IsAborted(revision.status())) return Ours(revision);
  ASSIGN_OR_RETURN(const Found now, Find(entry.first));
  return now.entry ? made : aborted;
}

absl::StatusOr<std::uint64_t> EtcdStore::DestroyEpochRoot(std::uint64_t number) {
  const std::string key = keys_.Epoch(number);
  for (int tried = 0; tried < kMostConflicts; ++tried) {
    ASSIGN_OR_RETURN(const Found found, Find(key));
    if (!found.entry) return absl::NotFoundError(common::StrCat("no epoch ", number));
    ASSIGN_OR_RETURN(StoredEpoch epoch, DecodeEpoch(keys_, key, found.entry->value));
    std::uint64_t revision = found.revision;
    std::uint64_t emptied = found.seen();
    if (!epoch.sealed.empty()) {
      epoch.sealed.clear();
      const absl::StatusOr<std::uint64_t> put = Put(key, found.seen(), EncodeEpoch(epoch));
      if (absl::IsAborted(put.status())) continue;
      RETURN_IF_ERROR(put.status());
      revision = emptied = *put;
    }
    // Also on a repetition: whoever emptied it may have got no further.
    RETURN_IF_ERROR_CTX(client_.Compact(emptied), "the root is gone, but not yet from etcd's history");
    return Ours(revision);
  }
  return absl::UnavailableError(common::StrCat("others keep changing epoch ", number));
}

absl::StatusOr<std::vector<StoredEpoch>> EtcdStore::Epochs() {
  std::vector<StoredEpoch> epochs;
  RETURN_IF_ERROR(ReadPages(keys_.Epochs(), 0, [&](const EtcdEntry& entry) {
                    ASSIGN_OR_RETURN(StoredEpoch epoch, DecodeEpoch(keys_, entry.key, entry.value));
                    epochs.push_back(std::move(epoch));
                    return absl::OkStatus();
                  }).status());
  return epochs;
}

absl::StatusOr<EtcdSchema> EtcdStore::FindSchema(std::uint64_t* seen) {
  ASSIGN_OR_RETURN(const Found found, Find(keys_.Schema()));
  if (!found.entry) return absl::DataLossError("etcd: the schema's key is gone");
  *seen = found.seen();
  return DecodeSchema(found.entry->value);
}

absl::StatusOr<std::optional<StoredKek>> EtcdStore::KekInForce() {
  std::uint64_t seen = 0;
  ASSIGN_OR_RETURN(EtcdSchema schema, FindSchema(&seen));
  return std::move(schema.kek);
}

absl::Status EtcdStore::SetKek(const std::optional<StoredKek>& before, const StoredKek& after,
                               const std::vector<ResealedRoot>& roots) {
  std::uint64_t seen = 0;
  ASSIGN_OR_RETURN(EtcdSchema schema, FindSchema(&seen));
  std::vector<StoredEpoch> epochs;
  EtcdClient::Seen all = {{keys_.Schema(), seen}};
  RETURN_IF_ERROR(ReadPages(keys_.Epochs(), 0, [&](const EtcdEntry& entry) {
                    ASSIGN_OR_RETURN(StoredEpoch epoch, DecodeEpoch(keys_, entry.key, entry.value));
                    if (!epoch.sealed.empty()) all.emplace_back(entry.key, entry.revision);
                    epochs.push_back(std::move(epoch));
                    return absl::OkStatus();
                  }).status());
  if (schema.kek != before || !AreTheLiveRoots(epochs, roots)) return absl::AbortedError("changed meanwhile");
  // Nor has the next epoch been made since.
  all.emplace_back(keys_.Epoch(epochs.empty() ? 1 : epochs.back().number + 1), 0);
  schema.kek = after;
  std::vector<std::pair<std::string, std::string>> puts = {{keys_.Schema(), EncodeSchema(schema)}};
  for (StoredEpoch& epoch : epochs) {
    const auto root = std::find_if(roots.begin(), roots.end(), [&](const auto& r) { return r.epoch == epoch.number; });
    if (root == roots.end()) continue;
    epoch.sealed = root->after;
    puts.emplace_back(keys_.Epoch(epoch.number), EncodeEpoch(epoch));
  }
  ASSIGN_OR_RETURN(const std::uint64_t revision, Told(client_.PutWhen(all, puts)));
  return common::WithContext(client_.Compact(revision),
                             "the roots are sealed anew, but the old seals are not yet gone "
                             "from etcd's history");
}

}  // namespace henb::keydist::store
