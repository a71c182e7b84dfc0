#include "keydist-server/store/etcd_codec.h"

#include "common/status.h"
#include "common/strings.h"
#include "henb/keydist/v1/stored.pb.h"

namespace henb::keydist::store {
namespace {

absl::Status Spoilt(std::string_view key, std::string_view why) {
  return absl::DataLossError(common::StrCat("key ", common::Quoted(key), " in etcd: ", why));
}

/// What follows `folder` in `key`.
absl::StatusOr<std::string_view> NameIn(const std::string& folder, std::string_view key) {
  if (!key.starts_with(folder)) return Spoilt(key, "not one of the key service's");
  return key.substr(folder.size());
}

}  // namespace

std::string EtcdKeys::Pair(const domain::PairId& pair) const {
  return common::StrCat(Pairs(), pair.lower().str(), " ", pair.higher().str());
}

std::string EtcdKeys::Epoch(std::uint64_t number) const {
  const std::string digits = std::to_string(number);
  return Epochs() + std::string(20 - digits.size(), '0') + digits;
}

std::string EncodeHenb(const domain::HenbRecord& record) {
  v1::StoredHenb stored;
  stored.set_state(static_cast<std::uint32_t>(record.state));
  stored.set_generation(record.generation);
  for (const common::SpkiHash& anchor : record.anchors) stored.add_anchor_spki_sha256(std::string(anchor.bytes()));
  for (const std::string& group : record.groups) stored.add_groups(group);
  return stored.SerializeAsString();
}

std::string EncodePairRule(domain::PairRule rule) {
  v1::StoredPairRule stored;
  stored.set_rule(static_cast<std::uint32_t>(rule));
  return stored.SerializeAsString();
}

std::string EncodeEpoch(const StoredEpoch& epoch) {
  v1::StoredEpochRoot stored;
  stored.set_activates_us(absl::ToUnixMicros(epoch.activates));
  stored.set_sealed(epoch.sealed);
  return stored.SerializeAsString();
}

std::string EncodeMark(const domain::ReplicaMark& mark) {
  v1::StoredReplica stored;
  stored.set_instance(mark.instance);
  stored.set_clock_us(absl::ToUnixMicros(mark.clock));
  for (const std::string& id : mark.keks) stored.add_kek_ids(id);
  return stored.SerializeAsString();
}

std::string EncodeSchema(const EtcdSchema& schema) {
  v1::StoredSchema stored;
  stored.set_version(schema.version);
  stored.set_filling(schema.filling);
  stored.set_filled_by(schema.filled_by);
  stored.set_revision_base(schema.revision_base);
  if (schema.kek) {
    stored.set_kek_id(schema.kek->id);
    stored.set_kek_since_us(absl::ToUnixMicros(schema.kek->since));
  }
  return stored.SerializeAsString();
}

absl::StatusOr<domain::HenbRecord> DecodeHenb(const EtcdKeys& keys, std::string_view key, const std::string& value) {
  ASSIGN_OR_RETURN(const std::string_view name, NameIn(keys.Henbs(), key));
  v1::StoredHenb stored;
  if (!stored.ParseFromString(value)) return Spoilt(key, "not a HeNB's record");
  if (stored.state() < 1 || stored.state() > 3) return Spoilt(key, common::StrCat("state ", stored.state()));
  domain::HenbRecord record;
  absl::StatusOr<common::HenbId> id = common::HenbId::Parse(name);
  if (!id.ok()) return Spoilt(key, common::ToStd(id.status().message()));
  record.id = *std::move(id);
  record.state = static_cast<domain::HenbState>(stored.state());
  record.generation = stored.generation();
  for (const std::string& bytes : stored.anchor_spki_sha256()) {
    const absl::StatusOr<common::SpkiHash> anchor = common::Sha256Digest::FromBytes(bytes);
    if (!anchor.ok()) return Spoilt(key, common::ToStd(anchor.status().message()));
    record.anchors.push_back(*anchor);
  }
  record.groups.assign(stored.groups().begin(), stored.groups().end());
  return record;
}

absl::StatusOr<PairException> DecodePair(const EtcdKeys& keys, std::string_view key, const std::string& value) {
  ASSIGN_OR_RETURN(const std::string_view name, NameIn(keys.Pairs(), key));
  v1::StoredPairRule stored;
  if (!stored.ParseFromString(value) || stored.rule() > 2) return Spoilt(key, "not a pair's rule");
  const std::size_t space = name.find(' ');
  if (space == std::string_view::npos) return Spoilt(key, "not two names");
  absl::StatusOr<common::HenbId> lower = common::HenbId::Parse(name.substr(0, space));
  absl::StatusOr<common::HenbId> higher = common::HenbId::Parse(name.substr(space + 1));
  if (!lower.ok() || !higher.ok()) return Spoilt(key, "not two names");
  absl::StatusOr<domain::PairId> pair = domain::PairId::Of(*std::move(lower), *std::move(higher));
  if (!pair.ok()) return Spoilt(key, common::ToStd(pair.status().message()));
  return PairException{*std::move(pair), static_cast<domain::PairRule>(stored.rule())};
}

absl::StatusOr<StoredEpoch> DecodeEpoch(const EtcdKeys& keys, std::string_view key, const std::string& value) {
  ASSIGN_OR_RETURN(const std::string_view name, NameIn(keys.Epochs(), key));
  const auto number = common::ParseNumber<std::uint64_t>(name);
  v1::StoredEpochRoot stored;
  if (!number || *number == 0 || !stored.ParseFromString(value)) return Spoilt(key, "not an epoch");
  return StoredEpoch{
      .number = *number, .activates = absl::FromUnixMicros(stored.activates_us()), .sealed = stored.sealed()};
}

absl::StatusOr<domain::ReplicaMark> DecodeMark(const EtcdKeys& keys, std::string_view key, const std::string& value) {
  ASSIGN_OR_RETURN(const std::string_view name, NameIn(keys.Replicas(), key));
  v1::StoredReplica stored;
  if (!stored.ParseFromString(value)) return Spoilt(key, "not a replica's mark");
  return domain::ReplicaMark{.name = std::string(name),
                             .instance = stored.instance(),
                             .clock = absl::FromUnixMicros(stored.clock_us()),
                             .keks = {stored.kek_ids().begin(), stored.kek_ids().end()}};
}

absl::StatusOr<EtcdSchema> DecodeSchema(const std::string& value) {
  v1::StoredSchema stored;
  if (!stored.ParseFromString(value)) return absl::DataLossError("the store's schema in etcd is not readable");
  EtcdSchema schema{.version = stored.version(),
                    .filling = stored.filling(),
                    .filled_by = stored.filled_by(),
                    .revision_base = stored.revision_base(),
                    .kek = std::nullopt};
  if (stored.kek_id().empty()) return schema;
  if (stored.kek_id().size() != domain::kKekIdSize) return absl::DataLossError("the KEK in force in etcd has no id");
  schema.kek = StoredKek{.id = stored.kek_id(), .since = absl::FromUnixMicros(stored.kek_since_us())};
  return schema;
}

absl::StatusOr<std::optional<Change>> DecodeChange(const EtcdKeys& keys, std::string_view key, const std::string& value,
                                                   std::uint64_t revision) {
  Change change{.revision = revision, .what = {}};
  if (key == keys.Schema() || key.starts_with(keys.Replicas())) return std::optional<Change>();
  if (key.starts_with(keys.Henbs())) {
    ASSIGN_OR_RETURN(change.what, DecodeHenb(keys, key, value));
  } else if (key.starts_with(keys.Pairs())) {
    ASSIGN_OR_RETURN(change.what, DecodePair(keys, key, value));
  } else {
    ASSIGN_OR_RETURN(const StoredEpoch epoch, DecodeEpoch(keys, key, value));
    change.what =
        domain::EpochMark{.number = epoch.number, .activates = epoch.activates, .destroyed = epoch.sealed.empty()};
  }
  return std::optional<Change>(std::move(change));
}

}  // namespace henb::keydist::store
