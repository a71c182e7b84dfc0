// R44: every triple (caller, one, other) against a naive oracle.
#include "keydist-server/domain/authoriser.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "common/random.h"

namespace henb::keydist::domain {
namespace {

common::HenbId Id(int i) { return *common::HenbId::Parse(std::string(1, static_cast<char>('a' + i)) + ".example"); }
common::SpkiHash Anchor(int i) { return common::Sha256Digest::Of(std::string(1, static_cast<char>(i))); }

/// What the oracle knows about a HeNB, in its own words.
struct Fact {
  bool registered = true;
  bool suspended = false;
  unsigned groups = 0;  ///< One bit a group.
};

HenbRecord RecordOf(int i, const Fact& fact) {
  HenbRecord record;
  record.id = Id(i);
  record.anchors = {Anchor(i)};
  record.state = !fact.registered ? HenbState::kRemoved : fact.suspended ? HenbState::kSuspended : HenbState::kActive;
  for (int g = 0; g < 3; ++g) {
    if ((fact.groups & (1U << g)) != 0) record.groups.push_back("g" + std::to_string(g));
  }
  EXPECT_TRUE(Normalise(&record).ok());
  return record;
}

PairVerdict Oracle(int caller, int peer, const Fact& c, const Fact& p, PairRule rule) {
  const bool allowed = rule == PairRule::kAllow || (rule == PairRule::kNone && (c.groups & p.groups) != 0);
  if (caller == peer || !c.registered || c.suspended || !p.registered || !allowed) return PairVerdict::kNotAllowed;
  return p.suspended ? PairVerdict::kPeerSuspended : PairVerdict::kAllowed;
}

TEST(Authoriser, R44EveryCombinationOfStatesGroupsAndRulesAgreesWithTheOracle) {
  int checked = 0;
  std::vector<Fact> facts;
  for (const bool registered : {false, true}) {
    for (const bool suspended : {false, true}) {
      for (unsigned groups = 0; groups < 8; ++groups) facts.push_back({registered, suspended, groups});
    }
  }
  for (int caller = 0; caller < 3; ++caller) {
    for (int peer = 0; peer < 3; ++peer) {
      for (const Fact& c : facts) {
        for (const Fact& p : facts) {
          for (const PairRule rule : {PairRule::kNone, PairRule::kAllow, PairRule::kDeny}) {
            const HenbRecord c_record = RecordOf(caller, c);
            const HenbRecord p_record = RecordOf(peer, p);
            ASSERT_EQ(JudgePair(c_record, &p_record, rule), Oracle(caller, peer, c, p, rule));
            // Right is symmetric where both are active.
            if (c.registered && p.registered && !c.suspended && !p.suspended) {
              ASSERT_EQ(JudgePair(c_record, &p_record, rule), JudgePair(p_record, &c_record, rule));
            }
            ++checked;
          }
        }
      }
    }
  }
  EXPECT_EQ(checked, 3 * 3 * 32 * 32 * 3);
}

/// A triple is (who the certificate says, and the two ends of the key wanted). The caller is one end by construction:
/// the key that comes out is never one of two others.
TEST(Authoriser, R44NoTripleGivesACallerTheKeyOfTwoOthers) {
  common::FakeRandom random(3);
  constexpr int kHenbs = 8;
  for (int round = 0; round < 50; ++round) {
    std::vector<Fact> facts;
    std::vector<HenbRecord> records;
    std::map<std::pair<int, int>, PairRule> rules;
    for (int i = 0; i < kHenbs; ++i) {
      facts.push_back({random.Below(8) != 0, random.Below(4) == 0, static_cast<unsigned>(random.Below(8))});
      records.push_back(RecordOf(i, facts.back()));
      for (int j = 0; j < i; ++j) rules[{j, i}] = static_cast<PairRule>(random.Below(3));
    }
    for (int caller = 0; caller < kHenbs; ++caller) {
      for (int one = 0; one < kHenbs; ++one) {
        for (int other = 0; other < kHenbs; ++other) {
          // Only the two names that a message can carry: the certificate's and the peer's.
          const bool says_own_name = caller == one || caller == other;
          const int peer = caller == one ? other : one;
          const CallerVerdict accepted = JudgeCaller(&records[caller], Anchor(caller));
          const auto rule = rules.find({std::min(caller, peer), std::max(caller, peer)});
          const PairVerdict verdict =
              JudgePair(records[caller], &records[peer], rule == rules.end() ? PairRule::kNone : rule->second);
          const bool granted =
              says_own_name && accepted == CallerVerdict::kAccepted && verdict == PairVerdict::kAllowed;
          const bool expected = (caller == one || caller == other) && one != other &&
                                Oracle(caller, peer, facts[caller], facts[peer],
                                       rule == rules.end() ? PairRule::kNone : rule->second) == PairVerdict::kAllowed;
          ASSERT_EQ(granted, expected) << caller << one << other;
        }
      }
    }
  }
}

TEST(Authoriser, AnUnknownPeerLooksLikeAForbiddenOne) {
  const HenbRecord caller = RecordOf(0, {true, false, 1});
  const HenbRecord stranger = RecordOf(1, {true, true, 2});  // Suspended, and none of the caller's business.
  EXPECT_EQ(JudgePair(caller, nullptr, PairRule::kNone), PairVerdict::kNotAllowed);
  EXPECT_EQ(JudgePair(caller, &stranger, PairRule::kNone), PairVerdict::kNotAllowed);
}

TEST(Authoriser, R43TheRightNameUnderAnotherAnchorIsUnknown) {
  HenbRecord record = RecordOf(0, {});
  EXPECT_EQ(JudgeCaller(&record, Anchor(0)), CallerVerdict::kAccepted);
  EXPECT_EQ(JudgeCaller(&record, Anchor(1)), CallerVerdict::kUnknown);
  EXPECT_EQ(JudgeCaller(nullptr, Anchor(0)), CallerVerdict::kUnknown);
  record = Suspended(record);
  EXPECT_EQ(JudgeCaller(&record, Anchor(0)), CallerVerdict::kSuspended);
  EXPECT_EQ(JudgeCaller(&record, Anchor(1)), CallerVerdict::kUnknown);
  record = Removed(record);
  EXPECT_EQ(JudgeCaller(&record, Anchor(0)), CallerVerdict::kUnknown);
}

TEST(HenbRecord, SuspendRemoveAndRotateRaiseTheGenerationOnce) {
  const HenbRecord record = RecordOf(0, {true, false, 1});
  EXPECT_EQ(Suspended(record).generation, 2U);
  EXPECT_EQ(Suspended(Suspended(record)).generation, 2U);
  EXPECT_EQ(Resumed(Suspended(record)).generation, 2U);
  EXPECT_EQ(Resumed(Suspended(record)).state, HenbState::kActive);
  EXPECT_EQ(Rotated(Rotated(record)).generation, 3U);
  EXPECT_EQ(Removed(Removed(record)).generation, 2U);
  EXPECT_TRUE(Removed(record).groups.empty());
}

TEST(HenbRecord, RefusesNamesAndNumbersOutOfBounds) {
  HenbRecord record = RecordOf(0, {});
  record.groups = {"Site 1"};
  EXPECT_EQ(Normalise(&record).code(), absl::StatusCode::kInvalidArgument);
  record.groups.clear();
  record.anchors.clear();
  EXPECT_EQ(Normalise(&record).code(), absl::StatusCode::kInvalidArgument);
  for (int i = 0; i < 9; ++i) record.anchors.push_back(Anchor(i));
  EXPECT_EQ(Normalise(&record).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(PairId::Of(Id(0), Id(0)).ok());
  EXPECT_EQ(*PairId::Of(Id(1), Id(0)), *PairId::Of(Id(0), Id(1)));
}

}  // namespace
}  // namespace henb::keydist::domain
