// One suite for every backend of the key service's store.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "keydist-server/store/memory_store.h"
#include "keydist-server/store/sqlite_store.h"
#include "store_world.h"

namespace henb::keydist::store {
namespace {

using domain::HenbRecord;
using domain::PairRule;

class StoreConformance : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string_view backend = GetParam();
    if (backend == "memory") {
      store_ = std::make_unique<MemoryStore>();
    } else if (backend == "sqlite") {
      auto opened = SqliteStore::Open(folder_.File("store.db"));
      ASSERT_TRUE(opened.ok()) << opened.status();
      store_ = *std::move(opened);
    } else {
      auto opened = OpenEtcd(FreshPrefix());
      ASSERT_TRUE(opened.ok()) << opened.status();
      store_ = *std::move(opened);
    }
    base_ = *store_->Revision();
  }
  tests::TempDirectory folder_;
  std::unique_ptr<Store> store_;
  std::uint64_t base_ = 0;  ///< Revision before the test: etcd counts its own.
};

TEST_P(StoreConformance, CreatesOnceAndFinds) {
  const HenbRecord record = Record("a.example", {"site", "other"});
  EXPECT_FALSE(store_->FindHenb(record.id)->has_value());
  EXPECT_EQ(*store_->CreateHenb(record), base_ + 1);
  EXPECT_EQ(store_->CreateHenb(record).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(**store_->FindHenb(record.id), record);
  EXPECT_EQ(*store_->Revision(), base_ + 1);
}

TEST_P(StoreConformance, CreatesManyAtOnceEachForItself) {
  std::vector<std::uint64_t> told;
  store_->SetListener([&](const Change& change) { told.push_back(change.revision); });
  ASSERT_TRUE(store_->CreateHenb(Record("b.example")).ok());
  const auto statuses =
      store_->CreateHenbs({Record("a.example"), Record("b.example"), Record("c.example"), Record("a.example")});
  ASSERT_TRUE(statuses.ok()) << statuses.status();
  ASSERT_EQ(statuses->size(), 4U);
  EXPECT_TRUE(statuses->at(0).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(statuses->at(1)));
  EXPECT_TRUE(statuses->at(2).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(statuses->at(3)));
  EXPECT_EQ(**store_->FindHenb(Record("c.example").id), Record("c.example"));
  store_->SetListener(nullptr);
  ASSERT_EQ(told.size(), 3U);
  EXPECT_LT(told[1], told[2]);
  EXPECT_EQ(told[2], *store_->Revision());
}

TEST_P(StoreConformance, UpdatesOnlyWhatIsAsItWasRead) {
  const HenbRecord before = Record("a.example");
  ASSERT_TRUE(store_->CreateHenb(before).ok());
  const HenbRecord suspended = domain::Suspended(before);
  EXPECT_EQ(*store_->UpdateHenb(before, suspended), base_ + 2);
  EXPECT_EQ(store_->UpdateHenb(before, domain::Rotated(before)).status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(**store_->FindHenb(before.id), suspended);
  EXPECT_EQ(*store_->UpdateHenb(suspended, suspended), base_ + 2) << "no change, no revision";
  EXPECT_EQ(store_->UpdateHenb(Record("b.example"), Record("b.example")).status().code(), absl::StatusCode::kNotFound);
}

TEST_P(StoreConformance, ConcurrentWritersLoseNothing) {
  ASSERT_TRUE(store_->CreateHenb(Record("a.example")).ok());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int done = 0; done < 10;) {
        const HenbRecord before = **store_->FindHenb(Record("a.example").id);
        if (store_->UpdateHenb(before, domain::Rotated(before)).ok()) ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ((*store_->FindHenb(Record("a.example").id))->generation, 41U);
}

TEST_P(StoreConformance, ListsInOrder) {
  for (const char* id : {"c.example", "a.example", "b.example"}) ASSERT_TRUE(store_->CreateHenb(Record(id)).ok());
  std::vector<std::string> seen;
  const auto revision =
      store_->ReadAll([&](const HenbRecord& record) { seen.push_back(record.id.str()); }, [](const PairException&) {});
  EXPECT_EQ(*revision, base_ + 3);
  EXPECT_EQ(seen, (std::vector<std::string>{"a.example", "b.example", "c.example"}));
}

TEST_P(StoreConformance, KeepsAndForgetsPairRules) {
  EXPECT_EQ(*store_->SetPairRule(Pair("b.example", "a.example"), PairRule::kAllow), base_ + 1);
  EXPECT_EQ(*store_->SetPairRule(Pair("a.example", "b.example"), PairRule::kAllow), base_ + 1) << "no change";
  EXPECT_EQ(*store_->SetPairRule(Pair("a.example", "b.example"), PairRule::kDeny), base_ + 2);
  EXPECT_EQ(*store_->SetPairRule(Pair("a.example", "c.example"), PairRule::kAllow), base_ + 3);
  std::vector<PairRule> seen;
  const auto read = [&] {
    seen.clear();
    return store_->ReadAll([](const HenbRecord&) {}, [&](const PairException& e) { seen.push_back(e.rule); }).ok();
  };
  ASSERT_TRUE(read());
  EXPECT_EQ(seen, (std::vector<PairRule>{PairRule::kDeny, PairRule::kAllow}));
  EXPECT_EQ(*store_->SetPairRule(Pair("a.example", "b.example"), PairRule::kNone), base_ + 4);
  EXPECT_EQ(*store_->SetPairRule(Pair("a.example", "b.example"), PairRule::kNone), base_ + 4);
  ASSERT_TRUE(read());
  EXPECT_EQ(seen, (std::vector<PairRule>{PairRule::kAllow})) << "a rule taken back is none";
}

TEST_P(StoreConformance, R49AnEpochIsMadeOnceWhoeverIsFirst) {
  std::atomic<int> made{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const absl::Status status = store_->CreateEpoch(Epoch(1, "root " + std::to_string(t))).status();
      if (status.ok()) ++made;
      if (!status.ok()) {
        EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(made, 1);
  EXPECT_EQ(store_->Epochs()->size(), 1U);
}

TEST_P(StoreConformance, EpochNumbersHaveNoGapsAndAreNeverUsedAgain) {
  EXPECT_EQ(store_->CreateEpoch(Epoch(2)).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->CreateEpoch(Epoch(0)).status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(store_->CreateEpoch(Epoch(1)).ok());
  ASSERT_TRUE(store_->CreateEpoch(Epoch(2)).ok());
  EXPECT_EQ(store_->Epochs()->at(1), Epoch(2));
  ASSERT_TRUE(store_->DestroyEpochRoot(1).ok());
  EXPECT_TRUE(store_->DestroyEpochRoot(1).ok());
  EXPECT_EQ(store_->DestroyEpochRoot(9).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_->Epochs()->at(0).sealed, "");
  EXPECT_EQ(store_->CreateEpoch(Epoch(1)).status().code(), absl::StatusCode::kAlreadyExists);
}

/// A sealed root of this KEK, as the store sees it.
std::string SealedBy(const StoredKek& kek, char fill) { return "\1" + kek.id + std::string(60, fill); }

TEST_P(StoreConformance, AChangeOfTheKekIsOneWriteOfAllRoots) {
  const StoredKek first{.id = "kek--one", .since = absl::FromUnixMicros(1'800'000'000'000'001)};
  const StoredKek second{.id = "kek--two", .since = absl::FromUnixMicros(1'800'000'000'000'002)};
  EXPECT_FALSE(store_->KekInForce()->has_value());
  ASSERT_TRUE(store_->SetKek(std::nullopt, first, {}).ok());
  EXPECT_EQ(**store_->KekInForce(), first);
  EXPECT_TRUE(absl::IsAborted(store_->SetKek(std::nullopt, second, {}))) << "somebody was first";
  EXPECT_TRUE(absl::IsAborted(store_->CreateEpoch(Epoch(1, SealedBy(second, 'x'))).status())) << "not in force";
  ASSERT_TRUE(store_->CreateEpoch(Epoch(1, SealedBy(first, 'a'))).ok());
  ASSERT_TRUE(store_->CreateEpoch(Epoch(2, SealedBy(first, 'b'))).ok());
  ASSERT_TRUE(store_->CreateEpoch(Epoch(3, SealedBy(first, 'c'))).ok());
  ASSERT_TRUE(store_->DestroyEpochRoot(1).ok());

  const ResealedRoot two{.epoch = 2, .before = SealedBy(first, 'b'), .after = SealedBy(second, 'B')};
  const ResealedRoot three{.epoch = 3, .before = SealedBy(first, 'c'), .after = SealedBy(second, 'C')};
  EXPECT_TRUE(absl::IsAborted(store_->SetKek(first, second, {two}))) << "one is left out";
  EXPECT_TRUE(absl::IsAborted(store_->SetKek(first, second, {two, {3, "other", "x"}}))) << "one is another";
  EXPECT_TRUE(absl::IsAborted(store_->SetKek(second, second, {two, three}))) << "another is in force";
  EXPECT_EQ(store_->Epochs()->at(1), Epoch(2, SealedBy(first, 'b'))) << "and nothing is half done";
  ASSERT_TRUE(store_->SetKek(first, second, {two, three}).ok());
  EXPECT_EQ(**store_->KekInForce(), second);
  EXPECT_EQ(store_->Epochs()->at(0), Epoch(1, ""));
  EXPECT_EQ(store_->Epochs()->at(1), Epoch(2, SealedBy(second, 'B')));
  EXPECT_EQ(store_->Epochs()->at(2), Epoch(3, SealedBy(second, 'C')));
  EXPECT_TRUE(absl::IsAborted(store_->CreateEpoch(Epoch(4, SealedBy(first, 'd'))).status())) << "the old one is out";
  ASSERT_TRUE(store_->CreateEpoch(Epoch(4, SealedBy(second, 'D'))).ok());
}

TEST_P(StoreConformance, AnEpochMadeDuringAChangeOfTheKekIsNeverSealedUnderTheOldOne) {
  const StoredKek first{.id = "kek--one", .since = absl::FromUnixMicros(1)};
  const StoredKek second{.id = "kek--two", .since = absl::FromUnixMicros(2)};
  ASSERT_TRUE(store_->SetKek(std::nullopt, first, {}).ok());
  std::thread maker([&] {
    for (std::uint64_t number = 1; number <= 20; ++number) {
      const StoredKek kek = **store_->KekInForce();
      const absl::Status made = store_->CreateEpoch(Epoch(number, SealedBy(kek, 'x'))).status();
      if (absl::IsAborted(made)) --number;
    }
  });
  bool done = false;
  while (!done) {
    std::vector<ResealedRoot> roots;
    const std::vector<StoredEpoch> made = *store_->Epochs();
    for (const StoredEpoch& epoch : made) {
      roots.push_back({.epoch = epoch.number, .before = epoch.sealed, .after = SealedBy(second, 'y')});
    }
    done = store_->SetKek(first, second, roots).ok();
  }
  maker.join();
  const std::vector<StoredEpoch> made = *store_->Epochs();
  ASSERT_EQ(made.size(), 20U);
  for (const StoredEpoch& epoch : made) EXPECT_TRUE(IsSealedUnder(second, epoch.sealed)) << epoch.number;
}

TEST_P(StoreConformance, TellsEveryChangeInOrderAndNothingElse) {
  std::vector<std::uint64_t> revisions;
  std::vector<std::size_t> kinds;
  store_->SetListener([&](const Change& change) {
    revisions.push_back(change.revision);
    kinds.push_back(change.what.index());
  });
  const HenbRecord record = Record("a.example");
  ASSERT_TRUE(store_->CreateHenb(record).ok());
  EXPECT_FALSE(store_->CreateHenb(record).ok());
  ASSERT_TRUE(store_->UpdateHenb(record, domain::Rotated(record)).ok());
  ASSERT_TRUE(store_->SetPairRule(Pair("a.example", "b.example"), PairRule::kDeny).ok());
  ASSERT_TRUE(store_->CreateEpoch(Epoch(1)).ok());
  ASSERT_TRUE(store_->DestroyEpochRoot(1).ok());
  EXPECT_EQ(revisions, (std::vector<std::uint64_t>{base_ + 1, base_ + 2, base_ + 3, base_ + 4, base_ + 5}));
  EXPECT_EQ(kinds, (std::vector<std::size_t>{0, 0, 1, 2, 2}));
  EXPECT_TRUE(store_->Following().ok());
}

INSTANTIATE_TEST_SUITE_P(Backends, StoreConformance, ::testing::Values("memory", "sqlite", "etcd"),
                         [](const auto& param) { return std::string(param.param); });

// What holds of the SQLite store alone: its files.
class SqliteOnly : public ::testing::Test {
 protected:
  void SetUp() override { Reopen(); }
  void Reopen() {
    store_.reset();
    auto opened = SqliteStore::Open(path_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }
  [[nodiscard]] bool InFiles(const std::string& planted) const {
    for (const char* suffix : {"", "-wal", "-shm"}) {
      std::ifstream file(path_ + suffix, std::ios::binary);
      const std::string content((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
      if (content.find(planted) != std::string::npos) return true;
    }
    return false;
  }
  tests::TempDirectory folder_;
  std::string path_ = folder_.File("store.db");
  std::unique_ptr<Store> store_;
};

TEST_F(SqliteOnly, KeepsEverythingAcrossARestart) {
  const HenbRecord record = domain::Suspended(Record("a.example", {"x", "y"}));
  ASSERT_TRUE(store_->CreateHenb(record).ok());
  ASSERT_TRUE(store_->SetPairRule(Pair("a.example", "b.example"), PairRule::kDeny).ok());
  ASSERT_TRUE(store_->CreateEpoch(Epoch(1, std::string("\0\1\2", 3))).ok());
  Reopen();
  EXPECT_EQ(**store_->FindHenb(record.id), record);
  EXPECT_EQ(store_->Epochs()->at(0), Epoch(1, std::string("\0\1\2", 3)));
  EXPECT_EQ(*store_->Revision(), 3U);
}

TEST_F(SqliteOnly, R45ADestroyedRootIsInNoneOfTheFiles) {
  const std::string planted(69, '\xA7');
  const auto found = [&] { return InFiles(planted); };
  ASSERT_TRUE(store_->CreateEpoch(Epoch(1, planted)).ok());
  EXPECT_TRUE(found()) << "the search can find";
  ASSERT_TRUE(store_->CreateEpoch(Epoch(2, "other")).ok());
  ASSERT_TRUE(store_->DestroyEpochRoot(1).ok());
  EXPECT_FALSE(found());
}

TEST_F(SqliteOnly, R45WhatAnOldKekSealedIsInNoneOfTheFiles) {
  const std::string planted = "a-root-sealed-by-an-old-kek";
  const StoredKek kek{.id = "kek--one", .since = absl::FromUnixMicros(1)};
  ASSERT_TRUE(store_->CreateEpoch(Epoch(1, planted)).ok());
  ASSERT_TRUE(InFiles(planted)) << "the search finds what is there";
  ASSERT_TRUE(store_->SetKek(std::nullopt, kek, {{1, planted, SealedBy(kek, 'x')}}).ok());
  EXPECT_FALSE(InFiles(planted));
}

TEST_F(SqliteOnly, FilesAreTheOwnersAlone) {
  ASSERT_TRUE(store_->CreateHenb(Record("a.example")).ok());
  for (const char* suffix : {"", "-wal"}) {
    struct stat info {};
    ASSERT_EQ(stat((path_ + suffix).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U) << suffix;
  }
}

TEST(SqliteOpen, RefusesAFileThatIsNoDatabase) {
  const tests::TempDirectory folder;
  const std::string path = folder.File("store.db");
  std::ofstream(path) << std::string(8192, 'x');
  EXPECT_EQ(SqliteStore::Open(path).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(SqliteStore::Open("/nonexistent/x.db").status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace henb::keydist::store
