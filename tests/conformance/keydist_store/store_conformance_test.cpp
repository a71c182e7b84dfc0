// One suite for every backend of the key service's store.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "keydist-server/store/memory_store.h"
#include "keydist-server/store/sqlite_store.h"

namespace henb::keydist::store {
namespace {

using domain::HenbRecord;
using domain::PairId;
using domain::PairRule;

HenbRecord Record(const std::string& id, std::vector<std::string> groups = {"site"}) {
  HenbRecord record;
  record.id = *common::HenbId::Parse(id);
  record.anchors = {common::Sha256Digest::Of("one"), common::Sha256Digest::Of("two")};
  record.groups = std::move(groups);
  EXPECT_TRUE(domain::Normalise(&record).ok());
  return record;
}

PairId Pair(const std::string& one, const std::string& other) {
  return *PairId::Of(*common::HenbId::Parse(one), *common::HenbId::Parse(other));
}

StoredEpoch Epoch(std::uint64_t number, const std::string& sealed = "sealed") {
  return {.number = number, .activates = absl::FromUnixMicros(1'800'000'000'000'001), .sealed = sealed};
}

std::string FreshPath() {
  static std::atomic<int> next{0};
  const auto folder = std::filesystem::temp_directory_path() / ("keydist-store-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  return folder / (std::to_string(next++) + ".db");
}

class StoreConformance : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (std::string_view(GetParam()) == "memory") {
      store_ = std::make_unique<MemoryStore>();
    } else {
      path_ = FreshPath();
      Reopen();
    }
  }
  void TearDown() override {
    store_.reset();
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path_ + suffix);
  }
  void Reopen() {
    store_.reset();
    auto opened = SqliteStore::Open(path_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }
  std::string path_;
  std::unique_ptr<Store> store_;
};

TEST_P(StoreConformance, CreatesOnceAndFinds) {
  const HenbRecord record = Record("a.example", {"site", "other"});
  EXPECT_FALSE(store_->FindHenb(record.id)->has_value());
  EXPECT_EQ(*store_->CreateHenb(record), 1U);
  EXPECT_EQ(store_->CreateHenb(record).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(**store_->FindHenb(record.id), record);
  EXPECT_EQ(*store_->Revision(), 1U);
}

TEST_P(StoreConformance, UpdatesOnlyWhatIsAsItWasRead) {
  const HenbRecord before = Record("a.example");
  ASSERT_TRUE(store_->CreateHenb(before).ok());
  const HenbRecord suspended = domain::Suspended(before);
  EXPECT_EQ(*store_->UpdateHenb(before, suspended), 2U);
  EXPECT_EQ(store_->UpdateHenb(before, domain::Rotated(before)).status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(**store_->FindHenb(before.id), suspended);
  EXPECT_EQ(*store_->UpdateHenb(suspended, suspended), 2U) << "no change, no revision";
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
  ASSERT_TRUE(store_->ForEachHenb([&](const HenbRecord& record) { seen.push_back(record.id.str()); }).ok());
  EXPECT_EQ(seen, (std::vector<std::string>{"a.example", "b.example", "c.example"}));
}

TEST_P(StoreConformance, KeepsAndForgetsPairRules) {
  EXPECT_EQ(*store_->SetPairRule(Pair("b.example", "a.example"), PairRule::kAllow), 1U);
  EXPECT_EQ(*store_->SetPairRule(Pair("a.example", "b.example"), PairRule::kAllow), 1U) << "no change";
  EXPECT_EQ(*store_->SetPairRule(Pair("a.example", "b.example"), PairRule::kDeny), 2U);
  EXPECT_EQ(*store_->SetPairRule(Pair("a.example", "c.example"), PairRule::kAllow), 3U);
  std::vector<PairRule> seen;
  ASSERT_TRUE(store_->ForEachPairRule([&](const PairException& e) { seen.push_back(e.rule); }).ok());
  EXPECT_EQ(seen, (std::vector<PairRule>{PairRule::kDeny, PairRule::kAllow}));
  EXPECT_EQ(*store_->SetPairRule(Pair("a.example", "b.example"), PairRule::kNone), 4U);
  EXPECT_EQ(*store_->SetPairRule(Pair("a.example", "b.example"), PairRule::kNone), 4U);
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
  EXPECT_EQ(revisions, (std::vector<std::uint64_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(kinds, (std::vector<std::size_t>{0, 0, 1, 2, 2}));
}

INSTANTIATE_TEST_SUITE_P(Backends, StoreConformance, ::testing::Values("memory", "sqlite"),
                         [](const auto& param) { return std::string(param.param); });

class SqliteOnly : public StoreConformance {};
INSTANTIATE_TEST_SUITE_P(Backends, SqliteOnly, ::testing::Values("sqlite"));

TEST_P(SqliteOnly, KeepsEverythingAcrossARestart) {
  const HenbRecord record = domain::Suspended(Record("a.example", {"x", "y"}));
  ASSERT_TRUE(store_->CreateHenb(record).ok());
  ASSERT_TRUE(store_->SetPairRule(Pair("a.example", "b.example"), PairRule::kDeny).ok());
  ASSERT_TRUE(store_->CreateEpoch(Epoch(1, std::string("\0\1\2", 3))).ok());
  Reopen();
  EXPECT_EQ(**store_->FindHenb(record.id), record);
  EXPECT_EQ(store_->Epochs()->at(0), Epoch(1, std::string("\0\1\2", 3)));
  EXPECT_EQ(*store_->Revision(), 3U);
}

TEST_P(SqliteOnly, R45ADestroyedRootIsInNoneOfTheFiles) {
  const std::string planted(69, '\xA7');
  const auto found = [&] {
    for (const char* suffix : {"", "-wal", "-shm"}) {
      std::ifstream file(path_ + suffix, std::ios::binary);
      const std::string content((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
      if (content.find(planted) != std::string::npos) return true;
    }
    return false;
  };
  ASSERT_TRUE(store_->CreateEpoch(Epoch(1, planted)).ok());
  EXPECT_TRUE(found()) << "the search can find";
  ASSERT_TRUE(store_->CreateEpoch(Epoch(2, "other")).ok());
  ASSERT_TRUE(store_->DestroyEpochRoot(1).ok());
  EXPECT_FALSE(found());
}

TEST_P(SqliteOnly, FilesAreTheOwnersAlone) {
  ASSERT_TRUE(store_->CreateHenb(Record("a.example")).ok());
  for (const char* suffix : {"", "-wal"}) {
    struct stat info {};
    ASSERT_EQ(stat((path_ + suffix).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U) << suffix;
  }
}

TEST(SqliteOpen, RefusesAFileThatIsNoDatabase) {
  const std::string path = FreshPath();
  std::ofstream(path) << std::string(8192, 'x');
  EXPECT_EQ(SqliteStore::Open(path).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(SqliteStore::Open("/nonexistent/x.db").status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace henb::keydist::store
