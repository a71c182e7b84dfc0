#include "keydist-server/service/directory.h"

#include <algorithm>
#include <iterator>
#include <mutex>
#include <utility>

#include "common/status.h"

namespace henb::keydist::service {
namespace {

using domain::HenbRecord;
using domain::HenbState;
using domain::PairRule;

bool Intersect(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::any_of(a.begin(), a.end(),
                     [&](const std::string& x) { return std::binary_search(b.begin(), b.end(), x); });
}

bool SameFacts(const Registration& a, const Registration& b) {
  return a.x2_addresses == b.x2_addresses && a.cmpv2 == b.cmpv2 && a.anchors == b.anchors;
}

}  // namespace

absl::Status Directory::Load(store::Store& store) {
  absl::StatusOr<std::uint64_t> revision = absl::AbortedError("");
  for (int tried = 0; tried < 3 && absl::IsAborted(revision.status()); ++tried) {
    in_order_.clear();
    lease_ends_.clear();
    nodes_.clear();
    pairs_.clear();
    known_ = leases_ = 0;
    revision = store.ReadAll(
        [this](HenbRecord record) {
          Node& node = NodeOf(record.id);
          if (record.state != HenbState::kRemoved) ++known_;
          node.record = std::move(record);
        },
        [this](const store::PairException& exception) { ApplyPair(exception); });
  }
  RETURN_IF_ERROR(revision.status());
  revision_ = *revision;
  return absl::OkStatus();
}

void Directory::Apply(const store::Change& change) {
  std::optional<ChangeNote> note;
  {
    const std::unique_lock lock(mutex_);
    if (change.revision <= revision_) return;  // Load saw it, and perhaps what came after.
    if (const auto* record = std::get_if<HenbRecord>(&change.what)) {
      note = ApplyHenb(*record);
    } else if (const auto* exception = std::get_if<store::PairException>(&change.what)) {
      note = ApplyPair(*exception);
    } else if (const auto* epoch = std::get_if<domain::EpochMark>(&change.what);
               epoch != nullptr && !epoch->destroyed) {
      note = ChangeNote{.kind = ChangeNote::Kind::kEpoch, .epoch = epoch->number};
    }
    revision_ = change.revision;
  }
  if (!note) return;
  note->revision = change.revision;
  sink_(*note);
}

Directory::Node& Directory::NodeOf(const common::HenbId& id) {
  auto& node = nodes_[id.str()];
  if (!node) {
    node = std::make_unique<Node>();
    node->record.id = id;
    node->record.state = HenbState::kRemoved;  // Until the record is there.
    in_order_.insert(node.get());
  }
  return *node;
}

std::optional<ChangeNote> Directory::ApplyHenb(const HenbRecord& record) {
  Node& node = NodeOf(record.id);
  ChangeNote note{.kind = ChangeNote::Kind::kHenb, .henb = record.id, .groups = node.record.groups};
  std::vector<std::string> both;
  std::set_union(note.groups.begin(), note.groups.end(), record.groups.begin(), record.groups.end(),
                 std::back_inserter(both));
  note.groups = std::move(both);
  note.out = record.state != HenbState::kActive;
  if (node.record.state != HenbState::kRemoved) --known_;
  if (record.state != HenbState::kRemoved) ++known_;
  if (record.state == HenbState::kRemoved && node.registration) {
    node.registration.reset();
    --leases_;
  }
  node.record = record;
  return note;
}

std::optional<ChangeNote> Directory::ApplyPair(const store::PairException& exception) {
  const domain::PairId& pair = exception.pair;
  const auto judge = [&]() -> domain::PairVerdict {
    const Node* lower = FindNode(pair.lower().str());
    const Node* higher = FindNode(pair.higher().str());
    if (lower == nullptr || higher == nullptr) return domain::PairVerdict::kNotAllowed;
    const auto found = pairs_.find(pair);
    HenbRecord caller = lower->record;
    caller.state = HenbState::kActive;  // Whether they belong together, not whether one is suspended.
    return domain::JudgePair(caller, &higher->record, found == pairs_.end() ? PairRule::kNone : found->second);
  };
  const bool before = judge() != domain::PairVerdict::kNotAllowed;
  if (exception.rule == PairRule::kNone) {
    pairs_.erase(pair);
  } else {
    pairs_[pair] = exception.rule;
  }
  SetRuleAt(pair.lower(), pair.higher(), exception.rule);
  SetRuleAt(pair.higher(), pair.lower(), exception.rule);
  const bool after = judge() != domain::PairVerdict::kNotAllowed;
  if (!before && !after) return std::nullopt;  // Strangers before and after: neither hears of the other.
  return ChangeNote{.kind = ChangeNote::Kind::kPair, .henb = pair.lower(), .other = pair.higher()};
}

void Directory::SetRuleAt(const common::HenbId& at, const common::HenbId& peer, PairRule rule) {
  const auto found = nodes_.find(at.str());
  if (found == nodes_.end()) return;
  std::unique_ptr<Rules>& rules = found->second->rules;
  if (!rules) rules = std::make_unique<Rules>();
  if (rule == PairRule::kNone) {
    rules->erase(peer.str());
  } else {
    (*rules)[peer.str()] = rule;
  }
  if (rules->empty()) rules.reset();
}

const Directory::Node* Directory::FindNode(std::string_view id) const {
  const auto found = nodes_.find(id);
  return found == nodes_.end() ? nullptr : found->second.get();
}

PairRule Directory::RuleOf(const Node& node, std::string_view peer) {
  if (!node.rules) return PairRule::kNone;
  const auto found = node.rules->find(peer);
  return found == node.rules->end() ? PairRule::kNone : found->second;
}

CallerView Directory::Judge(const CallerIdentity& caller) const { return Judge(caller, {}, {}, {}); }

CallerView Directory::Judge(const CallerIdentity& caller, std::span<const std::string_view> peers,
                            absl::Duration steady_now, std::span<PeerView> views) const {
  const std::shared_lock lock(mutex_);
  const Node* self = FindNode(caller.id.str());
  CallerView view{.verdict = domain::JudgeCaller(self == nullptr ? nullptr : &self->record, caller.anchor)};
  if (view.verdict != domain::CallerVerdict::kAccepted) return view;
  view.generation = self->record.generation;
  for (std::size_t i = 0; i < peers.size(); ++i) {
    const Node* peer = FindNode(peers[i]);
    PeerView& out = views[i];
    out.verdict = domain::JudgePair(self->record, peer == nullptr ? nullptr : &peer->record, RuleOf(*self, peers[i]));
    if (out.verdict != domain::PairVerdict::kAllowed) continue;
    out.generation = peer->record.generation;
    if (peer->registration && peer->registration->lease_ends_steady > steady_now) out.facts = peer->registration;
  }
  return view;
}

bool Directory::SetRegistration(const common::HenbId& id, std::shared_ptr<const Registration> registration) {
  ChangeNote note{.kind = ChangeNote::Kind::kFacts, .henb = id};
  {
    const std::unique_lock lock(mutex_);
    const auto found = nodes_.find(id.str());
    if (found == nodes_.end() || found->second->record.state == HenbState::kRemoved) return false;
    Node& node = *found->second;
    const bool same = node.registration && SameFacts(*node.registration, *registration);
    if (!node.registration) ++leases_;
    node.registration = std::move(registration);
    if (!std::exchange(node.in_lease_ends, true)) lease_ends_.emplace(node.registration->lease_ends_steady, &node);
    if (same) return true;
    note.groups = node.record.groups;
    note.revision = revision_;
  }
  sink_(note);
  return true;
}

void Directory::ForgetEndedLeases(absl::Duration steady_now) {
  const std::unique_lock lock(mutex_);
  while (!lease_ends_.empty() && lease_ends_.begin()->first <= steady_now) {
    Node& node = *lease_ends_.begin()->second;
    lease_ends_.erase(lease_ends_.begin());
    node.in_lease_ends = false;
    if (!node.registration) continue;  // Removed meanwhile.
    if (node.registration->lease_ends_steady > steady_now) {
      node.in_lease_ends = true;
      lease_ends_.emplace(node.registration->lease_ends_steady, &node);
    } else {
      node.registration.reset();
      --leases_;
    }
  }
}

std::optional<Directory::Entry> Directory::Find(const common::HenbId& id) const {
  const std::shared_lock lock(mutex_);
  const Node* node = FindNode(id.str());
  if (node == nullptr || node->record.state == HenbState::kRemoved) return std::nullopt;
  return Entry{node->record, node->registration};
}

std::vector<Directory::Entry> Directory::Page(std::string_view after, std::string_view group, std::size_t most) const {
  const std::shared_lock lock(mutex_);
  std::vector<Entry> page;
  for (auto at = in_order_.upper_bound(after); at != in_order_.end() && page.size() < most; ++at) {
    const auto& groups = (*at)->record.groups;
    if ((*at)->record.state == HenbState::kRemoved) continue;
    if (!group.empty() && !std::binary_search(groups.begin(), groups.end(), group)) continue;
    page.push_back({(*at)->record, (*at)->registration});
  }
  return page;
}

std::vector<store::PairException> Directory::PairPage(std::string_view after, std::size_t most) const {
  const std::shared_lock lock(mutex_);
  std::vector<store::PairException> page;
  for (const auto& [pair, rule] : pairs_) {
    if (common::StrCat(pair.lower().str(), " ", pair.higher().str()) > after) page.push_back({pair, rule});
  }
  std::sort(page.begin(), page.end(), [](const auto& a, const auto& b) { return a.pair < b.pair; });
  if (page.size() > most) page.resize(most);
  return page;
}

std::vector<common::HenbId> Directory::PairedByRule(const common::HenbId& id) const {
  const std::shared_lock lock(mutex_);
  std::vector<common::HenbId> peers;
  for (const auto& [pair, rule] : pairs_) {
    if (pair.lower() == id) peers.push_back(pair.higher());
    if (pair.higher() == id) peers.push_back(pair.lower());
  }
  return peers;
}

bool Directory::Concerns(const common::HenbId& watcher, const ChangeNote& note) const {
  switch (note.kind) {
    case ChangeNote::Kind::kEpoch:
      return true;
    case ChangeNote::Kind::kPair:
      return watcher == note.henb || watcher == note.other;
    case ChangeNote::Kind::kHenb:
    case ChangeNote::Kind::kFacts:
      break;
  }
  if (watcher == note.henb) return note.kind == ChangeNote::Kind::kHenb;
  const std::shared_lock lock(mutex_);
  const Node* node = FindNode(watcher.str());
  if (node == nullptr) return false;
  const PairRule rule = RuleOf(*node, note.henb.str());
  if (rule == PairRule::kDeny) return false;
  return rule == PairRule::kAllow || Intersect(node->record.groups, note.groups);
}

Directory::Counts Directory::counts() const {
  const std::shared_lock lock(mutex_);
  return {.henbs = known_, .pairs = pairs_.size(), .leases = leases_};
}

}  // namespace henb::keydist::service
