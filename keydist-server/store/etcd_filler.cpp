#include "keydist-server/store/etcd_filler.h"

#include <algorithm>

#include "common/status.h"

namespace henb::keydist::store {
namespace {

constexpr std::uint64_t kPage = 1000;

}  // namespace

EtcdContent ContentOf(const EtcdKeys& keys, std::span<const domain::HenbRecord> henbs,
                      std::span<const PairException> pairs, std::span<const StoredEpoch> epochs) {
  EtcdContent content;
  content.reserve(henbs.size() + pairs.size() + epochs.size());
  for (const domain::HenbRecord& record : henbs) content.emplace_back(keys.Henb(record.id), EncodeHenb(record));
  for (const PairException& pair : pairs) content.emplace_back(keys.Pair(pair.pair), EncodePairRule(pair.rule));
  for (const StoredEpoch& epoch : epochs) content.emplace_back(keys.Epoch(epoch.number), EncodeEpoch(epoch));
  std::sort(content.begin(), content.end());
  return content;
}

EtcdFiller::EtcdFiller(EtcdStore::Options options, std::uint64_t id, const common::Clock& clock)
    : keys_(std::move(options.prefix)), client_(std::move(options.endpoints), clock), id_(id) {}

absl::StatusOr<std::unique_ptr<EtcdFiller>> EtcdFiller::Begin(EtcdStore::Options options, std::uint64_t id,
                                                              bool may_begin, const common::Clock& clock) {
  std::unique_ptr<EtcdFiller> filler(new EtcdFiller(std::move(options), id, clock));
  const std::string key = filler->keys_.Schema();
  ASSIGN_OR_RETURN(EtcdAnswer answer, filler->client_.Range({.key = key}));
  if (answer.entries.empty()) {
    if (!may_begin) return absl::FailedPreconditionError("etcd: nothing has been moved there yet");
    const EtcdSchema schema{.version = EtcdStore::kSchema, .filling = id};
    const absl::StatusOr<std::uint64_t> put = filler->client_.PutIf(key, 0, EncodeSchema(schema));
    if (absl::IsAborted(put.status())) return absl::FailedPreconditionError("etcd: somebody else has just begun there");
    RETURN_IF_ERROR(put.status());
    filler->mark_ = *put;
    return filler;
  }
  ASSIGN_OR_RETURN(const EtcdSchema schema, DecodeSchema(answer.entries[0].value));
  filler->mark_ = answer.entries[0].revision;
  filler->finished_ = schema.filling == 0 && schema.filled_by == id;
  if (schema.filling == id || filler->finished_) return filler;
  return absl::FailedPreconditionError(schema.filling == 0
                                           ? "etcd: a service is there already, under this prefix"
                                           : "etcd: another move or restore has begun there and not ended");
}

absl::StatusOr<EtcdContent> EtcdFiller::Read() {
  EtcdContent content;
  for (const std::string& folder : {keys_.Henbs(), keys_.Pairs(), keys_.Epochs()}) {
    EtcdQuery query{.key = folder, .end = EndOfPrefix(folder), .limit = kPage};
    while (true) {
      ASSIGN_OR_RETURN(EtcdAnswer answer, client_.Range(query));
      for (EtcdEntry& entry : answer.entries) content.emplace_back(std::move(entry.key), std::move(entry.value));
      if (!answer.more) break;
      query.key = content.back().first + '\0';
    }
  }
  std::sort(content.begin(), content.end());
  return content;
}

absl::Status EtcdFiller::Write(std::span<const std::pair<std::string, std::string>> entries) {
  while (!entries.empty()) {
    const auto some = entries.first(std::min(entries.size(), EtcdClient::kMostPuts));
    const absl::Status put = client_.PutAllIf(keys_.Schema(), mark_, some).status();
    if (absl::IsAborted(put)) return absl::AbortedError("etcd: somebody else is filling this store");
    RETURN_IF_ERROR(put);
    entries = entries.subspan(some.size());
  }
  return absl::OkStatus();
}

absl::Status EtcdFiller::Fill(EtcdContent content) {
  if (!read_) {
    ASSIGN_OR_RETURN(there_, Read());
  }
  read_ = false;  // Until it is known to have been written.
  EtcdContent changed;
  std::set_difference(content.begin(), content.end(), there_.begin(), there_.end(), std::back_inserter(changed));
  // Keys are never deleted: a feed could miss it. A rule that has been taken back meanwhile is none.
  for (const auto& [key, value] : there_) {
    const auto found = std::lower_bound(content.begin(), content.end(), key,
                                        [](const auto& entry, const std::string& name) { return entry.first < name; });
    if (found != content.end() && found->first == key) continue;
    if (key.starts_with(keys_.Pairs())) {
      changed.emplace_back(key, EncodePairRule(domain::PairRule::kNone));
    } else if (key.starts_with(keys_.Henbs())) {
      return absl::FailedPreconditionError(common::StrCat("etcd: ", common::Quoted(key), " is not of this service"));
    }
  }
  RETURN_IF_ERROR(Write(changed));
  there_ = std::move(content);
  read_ = true;
  return absl::OkStatus();
}

absl::Status EtcdFiller::Finish(std::uint64_t revision, const std::optional<StoredKek>& kek) {
  if (finished_) return absl::OkStatus();
  const EtcdSchema schema{
      .version = EtcdStore::kSchema, .filling = 0, .filled_by = id_, .revision_base = revision, .kek = kek};
  const absl::StatusOr<std::uint64_t> put = client_.PutIf(keys_.Schema(), mark_, EncodeSchema(schema));
  if (absl::IsAborted(put.status())) return absl::AbortedError("etcd: somebody else is filling this store");
  finished_ = put.ok();
  return put.status();
}

}  // namespace henb::keydist::store
