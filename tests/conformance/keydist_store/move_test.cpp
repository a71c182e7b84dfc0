// A service moved from SQLite to etcd: whatever breaks it off, nothing is lost and never do both stores serve (R49).
#include "keydist-server/store/move.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keydist-server/store/etcd_filler.h"
#include "store_world.h"

namespace henb::keydist::store {
namespace {

using domain::PairRule;
using ::testing::HasSubstr;

class Move : public ::testing::Test {
 protected:
  void SetUp() override {
    OpenSource();
    for (int i = 0; i < 250; ++i) ASSERT_TRUE(from_->CreateHenb(Record(Name(i))).ok());
    ASSERT_TRUE(from_->UpdateHenb(Record(Name(7)), domain::Suspended(Record(Name(7)))).ok());
    ASSERT_TRUE(from_->SetPairRule(Pair(Name(1), Name(2)), PairRule::kDeny).ok());
    ASSERT_TRUE(from_->SetPairRule(Pair(Name(3), Name(4)), PairRule::kAllow).ok());
    ASSERT_TRUE(from_->CreateEpoch(Epoch(1, "one")).ok());
    ASSERT_TRUE(from_->CreateEpoch(Epoch(2, "two")).ok());
    ASSERT_TRUE(from_->DestroyEpochRoot(1).ok());
  }
  static std::string Name(int i) { return "h" + std::to_string(1000 + i) + ".example"; }
  void OpenSource() {
    from_.reset();
    from_ = *SqliteStore::Open(folder_.File("store.db"));
  }
  EtcdStore::Options Target() const { return {.endpoints = EndpointsOf(Etcd()), .prefix = prefix_}; }
  absl::StatusOr<Moved> Run() { return MoveToEtcd(*from_, Target(), clock_, random_); }
  std::unique_ptr<EtcdFiller> Filler() {
    return *EtcdFiller::Begin(Target(), *from_->MoveId(random_), !from_->moved(), clock_);
  }
  EtcdContent Content(const EtcdKeys& keys) {
    std::vector<domain::HenbRecord> henbs;
    std::vector<PairException> pairs;
    EXPECT_TRUE(
        from_->ReadAll([&](auto henb) { henbs.push_back(henb); }, [&](auto pair) { pairs.push_back(pair); }).ok());
    return ContentOf(keys, henbs, pairs, *from_->Epochs());
  }
  /// The new store has it all and the old one refuses.
  void ExpectMoved(std::uint64_t last_revision) {
    auto to = OpenEtcd(prefix_);
    ASSERT_TRUE(to.ok()) << to.status();
    EXPECT_EQ(Content(EtcdKeys("")).size(), 250U + pairs_ + 2U);
    std::vector<domain::HenbRecord> old_henbs;
    std::vector<domain::HenbRecord> henbs;
    std::vector<PairRule> old_rules;
    std::vector<PairRule> rules;
    ASSERT_TRUE(
        from_->ReadAll([&](auto h) { old_henbs.push_back(h); }, [&](auto p) { old_rules.push_back(p.rule); }).ok());
    const auto revision = (*to)->ReadAll([&](auto h) { henbs.push_back(h); }, [&](auto p) { rules.push_back(p.rule); });
    ASSERT_TRUE(revision.ok()) << revision.status();
    EXPECT_EQ(henbs, old_henbs);
    EXPECT_EQ(rules, old_rules);
    EXPECT_GT(*revision, last_revision);
    EXPECT_EQ(*(*to)->Epochs(), (std::vector<StoredEpoch>{Epoch(1, ""), Epoch(2, "two")}));
    EXPECT_EQ((*to)->CreateEpoch(Epoch(2)).status().code(), absl::StatusCode::kAlreadyExists);
    std::uint64_t heard = 0;
    (*to)->SetListener([&](const Change& change) { heard = change.revision; });
    const auto next = (*to)->CreateEpoch(Epoch(3));
    ASSERT_TRUE(next.ok()) << next.status();
    EXPECT_GT(*next, last_revision);
    EXPECT_EQ(heard, *next) << "the same revision for writer and listener";
    (*to)->SetListener(nullptr);
    for (int reopened = 0; reopened < 2; ++reopened) {
      EXPECT_EQ(from_->Following().code(), absl::StatusCode::kFailedPrecondition);
      EXPECT_EQ(from_->CreateHenb(Record("x.example")).status().code(), absl::StatusCode::kFailedPrecondition);
      EXPECT_EQ(from_->CreateEpoch(Epoch(3)).status().code(), absl::StatusCode::kFailedPrecondition);
      EXPECT_EQ(from_->Epochs()->at(1).sealed, "") << "R45: the old store holds no root";
      OpenSource();
    }
  }

  tests::TempDirectory folder_;
  std::unique_ptr<SqliteStore> from_;
  std::string prefix_ = FreshPrefix();
  std::size_t pairs_ = 2;
  common::SystemClock clock_;
  common::SystemRandom random_;
};

TEST_F(Move, R49EverythingArrivesAndTheOldStoreRefuses) {
  const std::uint64_t last = *from_->Revision();
  const auto moved = Run();
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_EQ(moved->henbs, 250U);
  EXPECT_EQ(moved->pairs, 2U);
  EXPECT_EQ(moved->epochs, 2U);
  EXPECT_EQ(moved->revision, last);
  ExpectMoved(last);
  EXPECT_TRUE(Run().ok()) << "said again, it is done already";
}

TEST_F(Move, R49BrokenOffWhileCopyingItIsTakenUpAndWhatChangedSinceFollows) {
  {
    const auto filler = Filler();
    EtcdContent half = Content(filler->keys());
    half.resize(half.size() / 2);
    half.emplace_back(filler->keys().Pair(Pair(Name(1), Name(2))), EncodePairRule(PairRule::kDeny));
    std::sort(half.begin(), half.end());
    half.erase(std::unique(half.begin(), half.end()), half.end());
    ASSERT_TRUE(filler->Fill(std::move(half)).ok());
  }
  EXPECT_EQ(OpenEtcd(prefix_).status().code(), absl::StatusCode::kUnavailable) << "nobody serves from a half";
  OpenSource();
  ASSERT_TRUE(from_->SetPairRule(Pair(Name(1), Name(2)), PairRule::kNone).ok()) << "the old one goes on";
  ASSERT_TRUE(from_->UpdateHenb(Record(Name(9)), domain::Rotated(Record(Name(9)))).ok());
  pairs_ = 1;
  const std::uint64_t last = *from_->Revision();
  const auto moved = Run();
  ASSERT_TRUE(moved.ok()) << moved.status();
  ExpectMoved(last);
}

TEST_F(Move, R49BrokenOffAfterTheMarkNobodyServesUntilItIsTakenUp) {
  {
    const auto filler = Filler();
    ASSERT_TRUE(filler->Fill(Content(filler->keys())).ok());
    ASSERT_TRUE(from_->MarkMoved().ok());
  }
  OpenSource();
  EXPECT_FALSE(from_->Following().ok());
  EXPECT_EQ(OpenEtcd(prefix_).status().code(), absl::StatusCode::kUnavailable);
  const std::uint64_t last = *from_->Revision();
  ASSERT_TRUE(Run().ok());
  ExpectMoved(last);
}

TEST_F(Move, WithoutEtcdTheOldStoreGoesOn) {
  Etcd().Kill();
  EXPECT_EQ(Run().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(from_->Following().ok());
  EXPECT_TRUE(from_->CreateHenb(Record("x.example")).ok()) << "not frozen any more";
  Etcd().Start();
}

TEST_F(Move, IsRefusedWhereAServiceIsOrAnotherMoveHasBegun) {
  ASSERT_TRUE(OpenEtcd(prefix_).ok());
  auto refused = Run().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("a service is there already"));
  prefix_ = FreshPrefix();
  ASSERT_TRUE(EtcdFiller::Begin(Target(), 77, true, clock_).ok());
  refused = Run().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("another move"));
  EXPECT_TRUE(from_->CreateHenb(Record("x.example")).ok());
  // Marked as moved, it goes nowhere but to where it was moved.
  prefix_ = FreshPrefix();
  ASSERT_TRUE(Run().ok());
  prefix_ = FreshPrefix();
  refused = Run().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("nothing has been moved there"));
}

}  // namespace
}  // namespace henb::keydist::store
