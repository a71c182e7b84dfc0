// Everything registered, in memory: the hot path asks no store.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "keydist-server/domain/authoriser.h"
#include "keydist-server/store/store.h"

namespace henb::keydist::service {

/// Who calls: from the verified certificate, never from a message (R43).
struct CallerIdentity {
  common::SpkiHash anchor;  ///< The anchor that the certificate's path ended at.
  common::HenbId id;
};

/// What a HeNB told about itself. Held for the time of its lease, in memory only.
struct Registration {
  std::vector<std::string> x2_addresses{};
  bool cmpv2 = false;
  std::vector<common::SpkiHash> anchors{};
  std::string boot_id{};
  absl::Time lease_ends{};             ///< For people.
  absl::Duration lease_ends_steady{};  ///< On Clock::Steady.
};

/// What may be said to a caller about one peer.
struct PeerView {
  domain::PairVerdict verdict = domain::PairVerdict::kNotAllowed;
  std::uint32_t generation = 0;               ///< With kAllowed.
  std::shared_ptr<const Registration> facts;  ///< With kAllowed; null without a lease.
};

struct CallerView {
  domain::CallerVerdict verdict = domain::CallerVerdict::kUnknown;
  std::uint32_t generation = 0;
};

/// A change as watchers are to hear of it: who, and who else may know.
struct ChangeNote {
  enum class Kind { kHenb, kFacts, kPair, kEpoch };
  Kind kind = Kind::kEpoch;
  std::uint64_t revision = 0;
  common::HenbId henb{};              ///< kHenb, kFacts; the lower of kPair.
  common::HenbId other{};             ///< The higher of kPair.
  std::vector<std::string> groups{};  ///< kHenb, kFacts: of before and after together, sorted.
  bool out = false;                   ///< kHenb: now suspended or removed.
  std::uint64_t epoch = 0;
};

/// Any thread. Readers share a lock that is held for look-ups only, never across a key derivation.
class Directory {
 public:
  using NoteSink = std::function<void(const ChangeNote&)>;
  /// `sink` hears of changes in order, outside the lock.
  explicit Directory(NoteSink sink) : sink_(std::move(sink)) {}
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  /// Reads the whole store, as it was at one revision. Call once, before
  /// the store has a listener and anybody else asks: no lock is held, since stores tell their listener under their own.
  [[nodiscard]] absl::Status Load(store::Store& store);
  /// Takes a change over, whoever made it. What Load has seen is passed over.
  void Apply(const store::Change& change);

  [[nodiscard]] CallerView Judge(const CallerIdentity& caller) const;
  /// One look under one lock for a whole call. `views` has the size of `peers`; not written unless the caller is
  /// accepted.
  [[nodiscard]] CallerView Judge(const CallerIdentity& caller, std::span<const std::string_view> peers,
                                 absl::Duration steady_now, std::span<PeerView> views) const;
  /// Replaces the HeNB's registration; its peers hear of it when what it told has changed. False: not registered.
  bool SetRegistration(const common::HenbId& id, std::shared_ptr<const Registration> registration);
  void ForgetEndedLeases(absl::Duration steady_now);

  /// Null record: not known (or removed). For the operator's views and for events.
  struct Entry {
    domain::HenbRecord record;
    std::shared_ptr<const Registration> registration;
  };
  [[nodiscard]] std::optional<Entry> Find(const common::HenbId& id) const;
  /// At most `most` entries after `after` in order of id, members of `group` unless that is empty.
  [[nodiscard]] std::vector<Entry> Page(std::string_view after, std::string_view group, std::size_t most) const;
  /// The same of exceptions, in order of the pair; `after` is "lower higher".
  [[nodiscard]] std::vector<store::PairException> PairPage(std::string_view after, std::size_t most) const;
  /// Peers that the operator wrote an exception for.
  [[nodiscard]] std::vector<common::HenbId> PairedByRule(const common::HenbId& id) const;
  /// May `watcher` know of this change? Answers by the records as they are now.
  [[nodiscard]] bool Concerns(const common::HenbId& watcher, const ChangeNote& note) const;

  struct Counts {
    std::uint64_t henbs = 0;
    std::uint64_t pairs = 0;
    std::uint64_t leases = 0;
  };
  [[nodiscard]] Counts counts() const;
  [[nodiscard]] std::uint64_t revision() const { return revision_.load(); }

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  struct TextEqual {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const { return a == b; }
  };
  using Rules = absl::flat_hash_map<std::string, domain::PairRule, TextHash, TextEqual>;
  struct Node {
    domain::HenbRecord record;
    std::shared_ptr<const Registration> registration;
    std::unique_ptr<Rules> rules;  ///< By the peer's name; both ends hold each exception.
    bool in_lease_ends = false;
  };

  struct ById {
    using is_transparent = void;
    bool operator()(const Node* a, const Node* b) const { return a->record.id < b->record.id; }
    bool operator()(std::string_view a, const Node* b) const { return a < b->record.id.str(); }
    bool operator()(const Node* a, std::string_view b) const { return a->record.id.str() < b; }
  };
  Node& NodeOf(const common::HenbId& id);  ///< Made if there is none yet.
  const Node* FindNode(std::string_view id) const;
  static domain::PairRule RuleOf(const Node& node, std::string_view peer);
  std::optional<ChangeNote> ApplyHenb(const domain::HenbRecord& record);
  std::optional<ChangeNote> ApplyPair(const store::PairException& exception);
  void SetRuleAt(const common::HenbId& at, const common::HenbId& peer, domain::PairRule rule);

  NoteSink sink_;
  mutable std::shared_mutex mutex_;
  absl::flat_hash_map<std::string, std::unique_ptr<Node>, TextHash, TextEqual> nodes_;
  absl::btree_set<const Node*, ById> in_order_;      ///< The same nodes, for pages.
  std::multimap<absl::Duration, Node*> lease_ends_;  ///< One for each lease, not later than it ends.
  std::uint64_t known_ = 0, leases_ = 0;             ///< Nodes that are not removed; those with a registration.
  absl::flat_hash_map<domain::PairId, domain::PairRule> pairs_;
  std::atomic<std::uint64_t> revision_{0};
};

}  // namespace henb::keydist::service
