#include "henb-x2sec/keydist_client/wire.h"

#include <limits>

#include "common/status.h"

namespace henb::x2sec::keydist_client {
namespace {

namespace v1 = henb::keydist::v1;

constexpr std::size_t kKeySize = 32;

void Wipe(v1::PairKey* key) { common::Zeroise(key->mutable_key()->data(), key->key().size()); }

void Wipe(v1::GetPairKeysResponse* response) {
  for (v1::PairResult& result : *response->mutable_results()) {
    if (!result.has_keys()) continue;
    if (result.keys().has_current()) Wipe(result.mutable_keys()->mutable_current());
    if (result.keys().has_next()) Wipe(result.mutable_keys()->mutable_next());
  }
}

absl::Duration SecondsFrom(std::uint64_t seconds) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int32_t>::max();
  return absl::Seconds(static_cast<std::int64_t>(std::min(seconds, kMost)));
}

absl::StatusOr<core::PairKey> Take(const v1::PairKey& wire) {
  if (wire.key().size() != kKeySize || wire.epoch() == 0) return absl::DataLossError("a key of the wrong form");
  core::PairKey key;
  key.epoch = wire.epoch();
  key.generation_local = wire.gen_local();
  key.generation_peer = wire.gen_peer();
  key.key = common::SecretBytes::CopyOf(std::string_view(wire.key()));
  key.activate_in = SecondsFrom(wire.activate_in_s());
  key.expire_in = SecondsFrom(wire.expire_in_s());
  return key;
}

absl::StatusOr<core::PeerFacts> Take(const v1::PeerFacts& wire) {
  core::PeerFacts facts;
  facts.cmpv2 = wire.cmpv2();
  facts.x2_addresses.assign(wire.x2_addresses().begin(), wire.x2_addresses().end());
  for (const std::string& bytes : wire.anchor_spki_sha256()) {
    ASSIGN_OR_RETURN(const common::SpkiHash anchor, common::Sha256Digest::FromBytes(bytes));
    facts.anchors.push_back(anchor);
  }
  return facts;
}

absl::StatusOr<core::PairKeys> Take(const v1::PairKeys& wire) {
  core::PairKeys keys;
  ASSIGN_OR_RETURN(keys.current, Take(wire.current()));
  if (wire.has_next()) {
    ASSIGN_OR_RETURN(keys.next, Take(wire.next()));
  }
  if (wire.has_peer_facts()) {
    ASSIGN_OR_RETURN(keys.peer_facts, Take(wire.peer_facts()));
  }
  return keys;
}

absl::StatusOr<std::vector<core::PairResult>> Take(std::span<const common::HenbId> peers,
                                                   const v1::GetPairKeysResponse& response) {
  if (response.results_size() != static_cast<int>(peers.size())) {
    return absl::DataLossError(common::StrCat(response.results_size(), " results for ", peers.size(), " peers"));
  }
  std::vector<core::PairResult> results;
  for (std::size_t i = 0; i < peers.size(); ++i) {
    const v1::PairResult& wire = response.results(static_cast<int>(i));
    if (wire.peer() != peers[i].str()) return absl::DataLossError("the results are not in the order of the peers");
    if (wire.has_keys()) {
      absl::StatusOr<core::PairKeys> keys = Take(wire.keys());
      if (keys.ok()) {
        results.push_back({peers[i], *std::move(keys)});
      } else {
        results.push_back({peers[i], keys.status()});
      }
    } else {
      // An unknown denial is a denial.
      const bool suspended = wire.denial() == v1::SUSPENDED;
      results.push_back({peers[i], suspended ? core::KeyDenial::kSuspended : core::KeyDenial::kNotAllowed});
    }
  }
  return results;
}

}  // namespace

v1::RegisterRequest ToWire(const core::RegisterFacts& facts) {
  v1::RegisterRequest request;
  for (const std::string& address : facts.x2_addresses) request.add_x2_addresses(address);
  request.set_cmpv2(facts.cmpv2);
  for (const common::SpkiHash& anchor : facts.anchors) request.add_anchor_spki_sha256(std::string(anchor.bytes()));
  request.set_protocol(1);
  request.set_boot_id(facts.boot_id);
  return request;
}

absl::StatusOr<std::vector<core::PairResult>> TakeResults(std::span<const common::HenbId> peers,
                                                          v1::GetPairKeysResponse* response) {
  absl::StatusOr<std::vector<core::PairResult>> results = Take(peers, *response);
  Wipe(response);
  return results;
}

absl::StatusOr<core::KeyServiceEvent> FromWire(const v1::Event& wire) {
  using Kind = core::KeyServiceEvent::Kind;
  core::KeyServiceEvent event;
  event.revision = wire.revision();
  switch (wire.event_case()) {
    case v1::Event::kEpochReady:
      event.kind = Kind::kEpochReady;
      event.epoch = wire.epoch_ready().epoch();
      return event;
    case v1::Event::kPairChanged: {
      event.kind = Kind::kPairChanged;
      ASSIGN_OR_RETURN(event.peer, common::HenbId::Parse(wire.pair_changed().peer()));
      return event;
    }
    case v1::Event::kPeerSuspended: {
      event.kind = Kind::kPeerSuspended;
      ASSIGN_OR_RETURN(event.peer, common::HenbId::Parse(wire.peer_suspended().peer()));
      return event;
    }
    case v1::Event::kSelfSuspended:
      event.kind = Kind::kSelfSuspended;
      return event;
    case v1::Event::kResyncRequired:
      event.kind = Kind::kResyncRequired;
      return event;
    case v1::Event::EVENT_NOT_SET:
      break;
  }
  return absl::DataLossError(common::StrCat("event of no known kind at revision ", wire.revision()));
}

}  // namespace henb::x2sec::keydist_client
