#include "keydist-server/store/etcd_store.h"

#include <utility>

#include "common/log.h"
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
    EtcdSchema schema{.version = kSchema};
    if (found.entry) {
      ASSIGN_OR_RETURN(schema, DecodeSchema(found.entry->value));
      if (schema.version > kSchema || schema.version == 0) {
        return absl::FailedPreconditionError(common::StrCat("etcd: was written by a newer release (layout ",
                                                            schema.version, ", this one knows up to ", kSchema,
                                                            "): run that one, or restore the backup from before the "
                                                            "upgrade under another store.etcd.prefix"));
      }
      if (schema.filling != 0) return absl::UnavailableError("etcd: a move or restore into this store has not ended");
      base_ = schema.revision_base;
      if (schema.version == kSchema) return found.revision;
    }
    // New, or an older layout, which differs from this one by what its schema's key does not have yet.
    const std::uint32_t before = std::exchange(schema.version, kSchema);
    absl::Status put = client_.PutIf(keys_.Schema(), found.seen(), EncodeSchema(schema)).status();
    if (!put.ok() && !absl::IsAborted(put)) return put;
    if (put.ok() && found.entry) common::LogInfo("store_migrated", {{"from", before}, {"to", kSchema}});
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
  return Told(client_.PutIf(key, seen, value));
}

absl::StatusOr<std::uint64_t> EtcdStore::Told(absl::StatusOr<std::uint64_t> revision) {
  RETURN_IF_ERROR(revision.status());
  RETURN_IF_ERROR(feed_->AwaitTold(*revision, kTellWithin));
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
  absl::Status there = absl::AlreadyExistsError(common::StrCat(record.id.str(), " is registered already"));
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
  absl::Status put = Put(keys_.Replicas() + own.name, seen, EncodeMark(own)).status();
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
