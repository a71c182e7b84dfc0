#include "keydist-server/store/etcd_store.h"

#include "common/status.h"
#include "keydist-server/store/etcd_feed.h"

namespace henb::keydist::store {
namespace {

constexpr std::uint64_t kPage = 1000;
constexpr int kMostConflicts = 16;  ///< Of a write that can be decided anew here.
constexpr absl::Duration kTellWithin = absl::Seconds(5);

}  // namespace

absl::StatusOr<std::unique_ptr<EtcdStore>> EtcdStore::Open(Options options, const common::Clock& clock,
                                                           common::Random& random) {
  if (options.endpoints.addresses.empty()) return absl::InvalidArgumentError("etcd: no endpoint");
  const absl::Duration most_silence = options.most_silence;
  std::unique_ptr<EtcdStore> store(new EtcdStore(std::move(options), clock));
  ASSIGN_OR_RETURN(const std::uint64_t revision, store->Prepare());
  store->feed_ = std::make_unique<EtcdFeed>(store->client_, store->keys_, clock, random, revision, most_silence);
  return store;
}

EtcdStore::EtcdStore(Options options, const common::Clock& clock)
    : keys_(std::move(options.prefix)), client_(std::move(options.endpoints), clock) {}

EtcdStore::~EtcdStore() = default;

absl::StatusOr<std::uint64_t> EtcdStore::Prepare() {
  for (int tried = 0; tried < kMostConflicts; ++tried) {
    ASSIGN_OR_RETURN(const Found found, Find(keys_.Schema()));
    if (found.entry) {
      ASSIGN_OR_RETURN(const EtcdSchema schema, DecodeSchema(found.entry->value));
      if (schema.version != kSchema) {
        return absl::FailedPreconditionError(
            common::StrCat("etcd: schema ", schema.version, " is not one this release knows (", kSchema, ")"));
      }
      if (schema.filling != 0) return absl::UnavailableError("etcd: a move or restore into this store has not ended");
      base_ = schema.revision_base;
      return found.revision;
    }
    const absl::Status put = client_.PutIf(keys_.Schema(), 0, EncodeSchema({.version = kSchema})).status();
    if (!put.ok() && !absl::IsAborted(put)) return put;
  }
  return absl::UnavailableError("etcd: the schema comes and goes");
}

absl::StatusOr<EtcdStore::Found> EtcdStore::Find(const std::string& key) {
  ASSIGN_OR_RETURN(EtcdAnswer answer, client_.Range({.key = key}));
  Found found{.entry = std::nullopt, .revision = answer.revision};
  if (!answer.entries.empty()) found.entry = std::move(answer.entries.front());
  return found;
}

absl::StatusOr<std::uint64_t> EtcdStore::Put(const std::string& key, std::uint64_t seen, const std::string& value) {
  ASSIGN_OR_RETURN(const std::uint64_t revision, client_.PutIf(key, seen, value));
  RETURN_IF_ERROR(feed_->AwaitTold(revision, kTellWithin));
  return revision;
}

absl::StatusOr<std::uint64_t> EtcdStore::ReadPages(const std::string& prefix, std::uint64_t at,
                                                   const std::function<absl::Status(const EtcdEntry&)>& visit) {
  EtcdQuery query{.key = prefix, .end = EndOfPrefix(prefix), .at_revision = at, .limit = kPage};
  while (true) {
    absl::StatusOr<EtcdAnswer> answer = client_.Range(query);
    if (absl::IsOutOfRange(answer.status())) {
      return absl::AbortedError("etcd compacted its history while it was read: read again");
    }
    RETURN_IF_ERROR(answer.status());
    if (query.at_revision == 0) query.at_revision = answer->revision;
    for (const EtcdEntry& entry : answer->entries) RETURN_IF_ERROR(visit(entry));
    if (!answer->more) return query.at_revision;
    query.key = answer->entries.back().key + '\0';
  }
}

absl::StatusOr<std::uint64_t> EtcdStore::CreateHenb(const domain::HenbRecord& record) {
  const std::string key = keys_.Henb(record.id);
  const absl::Status there = absl::AlreadyExistsError(common::StrCat(record.id.str(), " is registered already"));
  ASSIGN_OR_RETURN(const Found found, Find(key));
  if (found.entry) return there;
  absl::StatusOr<std::uint64_t> revision = Put(key, 0, EncodeHenb(record));
  return absl::IsAborted(revision.status()) ? there : Ours(revision);
}

absl::StatusOr<std::uint64_t> EtcdStore::UpdateHenb(const domain::HenbRecord& before, const domain::HenbRecord& after) {
  const std::string key = keys_.Henb(before.id);
  ASSIGN_OR_RETURN(const Found found, Find(key));
  if (!found.entry) return absl::NotFoundError(common::StrCat("no HeNB ", before.id.str()));
  ASSIGN_OR_RETURN(const domain::HenbRecord there, DecodeHenb(keys_, key, found.entry->value));
  if (there != before) return absl::AbortedError(common::StrCat(before.id.str(), " changed meanwhile"));
  if (before == after) return Ours(found.revision);
  return Ours(Put(key, found.seen(), EncodeHenb(after)));
}

absl::StatusOr<std::optional<domain::HenbRecord>> EtcdStore::FindHenb(const common::HenbId& id) {
  const std::string key = keys_.Henb(id);
  ASSIGN_OR_RETURN(const Found found, Find(key));
  if (!found.entry) return std::optional<domain::HenbRecord>();
  ASSIGN_OR_RETURN(domain::HenbRecord record, DecodeHenb(keys_, key, found.entry->value));
  return std::optional<domain::HenbRecord>(std::move(record));
}

absl::StatusOr<std::uint64_t> EtcdStore::ReadAll(const HenbVisitor& henb, const PairVisitor& pair) {
  ASSIGN_OR_RETURN(const std::uint64_t at, ReadPages(keys_.Henbs(), 0, [&](const EtcdEntry& entry) {
                     ASSIGN_OR_RETURN(domain::HenbRecord record, DecodeHenb(keys_, entry.key, entry.value));
                     henb(std::move(record));
                     return absl::OkStatus();
                   }));
  return Ours(ReadPages(keys_.Pairs(), at, [&](const EtcdEntry& entry) {
    ASSIGN_OR_RETURN(PairException exception, DecodePair(keys_, entry.key, entry.value));
    if (exception.rule != domain::PairRule::kNone) pair(std::move(exception));
    return absl::OkStatus();
  }));
}

absl::StatusOr<std::uint64_t> EtcdStore::SetPairRule(const domain::PairId& pair, domain::PairRule rule) {
  const std::string key = keys_.Pair(pair);
  for (int tried = 0; tried < kMostConflicts; ++tried) {
    ASSIGN_OR_RETURN(const Found found, Find(key));
    domain::PairRule before = domain::PairRule::kNone;
    if (found.entry) {
      ASSIGN_OR_RETURN(const PairException there, DecodePair(keys_, key, found.entry->value));
      before = there.rule;
    }
    if (before == rule) return Ours(found.revision);
    // Never deleted, so that a feed that lost its place finds it.
    absl::StatusOr<std::uint64_t> revision = Put(key, found.seen(), EncodePairRule(rule));
    if (!absl::IsAborted(revision.status())) return Ours(revision);
  }
  return absl::UnavailableError("others keep changing the rule of this pair");
}

absl::StatusOr<std::uint64_t> EtcdStore::CreateEpoch(const StoredEpoch& epoch) {
  const absl::Status made = absl::AlreadyExistsError(common::StrCat("epoch ", epoch.number, " has been made"));
  const absl::Status gap =
      absl::FailedPreconditionError(common::StrCat("epoch ", epoch.number, " does not follow the highest"));
  if (epoch.number == 0) return gap;
  ASSIGN_OR_RETURN(const Found found, Find(keys_.Epoch(epoch.number)));
  if (found.entry) return made;
  if (epoch.number > 1) {  // Epochs are never taken away: what is there now is there at the transaction.
    ASSIGN_OR_RETURN(const Found before, Find(keys_.Epoch(epoch.number - 1)));
    if (!before.entry) return gap;
  }
  absl::StatusOr<std::uint64_t> revision = Put(keys_.Epoch(epoch.number), 0, EncodeEpoch(epoch));
  return absl::IsAborted(revision.status()) ? made : Ours(revision);
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

absl::StatusOr<std::uint64_t> EtcdStore::Revision() {
  ASSIGN_OR_RETURN(const Found found, Find(keys_.Schema()));
  return Ours(found.revision);
}

absl::StatusOr<std::vector<domain::ReplicaMark>> EtcdStore::ExchangeMarks(const domain::ReplicaMark& own) {
  std::vector<domain::ReplicaMark> marks;
  std::uint64_t seen = 0;
  RETURN_IF_ERROR(ReadPages(keys_.Replicas(), 0, [&](const EtcdEntry& entry) {
                    ASSIGN_OR_RETURN(domain::ReplicaMark mark, DecodeMark(keys_, entry.key, entry.value));
                    if (mark.name == own.name) seen = entry.revision;
                    marks.push_back(std::move(mark));
                    return absl::OkStatus();
                  }).status());
  // Put waits until the feed has told it: a watch that has fallen behind shows.
  const absl::Status put = Put(keys_.Replicas() + own.name, seen, EncodeMark(own)).status();
  if (!put.ok() && !absl::IsAborted(put)) return put;
  return marks;
}

absl::Status EtcdStore::Following() const { return feed_->Following(); }

void EtcdStore::SetListener(Listener listener) {
  if (!listener) return feed_->Stop();
  feed_->Start([base = base_, listener = std::move(listener)](Change change) {
    change.revision += base;
    listener(change);
  });
}

}  // namespace henb::keydist::store
