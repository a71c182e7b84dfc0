// R51: durable before done, on a disk that fails.
#include "keydist-server/store/file_audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/strings.h"
#include "tests/unit/keydist/fake_disk.h"

namespace henb::keydist::store {
namespace {

domain::AuditRecord Record(const std::string& detail) {
  domain::AuditRecord record;
  record.at = absl::FromUnixSeconds(1'800'000'000);
  record.event = "keys_issued";
  record.detail = detail;
  return record;
}

class AuditFile : public ::testing::Test {
 protected:
  void Open() {
    log.reset();
    auto opened = FileAuditLog::Open(std::make_unique<FakeFile>(disk));
    ASSERT_TRUE(opened.ok()) << opened.status();
    log = *std::move(opened);
  }
  void SetUp() override { Open(); }
  absl::Status AppendAndWait(const std::string& detail) {
    std::mutex mutex;
    std::condition_variable wake;
    std::optional<absl::Status> result;
    log->Append(Record(detail), [&](absl::Status status) {
      const std::lock_guard lock(mutex);
      // Durable already when told so.
      if (status.ok()) {
        const std::lock_guard disk_lock(disk.mutex);
        EXPECT_THAT(disk.durable, ::testing::HasSubstr(detail));
      }
      result = std::move(status);
      wake.notify_one();
    });
    std::unique_lock lock(mutex);
    EXPECT_TRUE(wake.wait_for(lock, std::chrono::seconds(10), [&] { return result.has_value(); }));
    return *result;
  }
  void Set(bool Disk::*what, bool value) {
    const std::lock_guard lock(disk.mutex);
    disk.*what = value;
    disk.change.notify_all();
  }
  /// Checks the whole chain as it stands on the disk.
  std::uint64_t VerifiedRecords() {
    domain::ChainHead head;
    const std::lock_guard lock(disk.mutex);
    for (const std::string_view line : common::Split(disk.durable, '\n')) {
      if (line.empty()) continue;
      const auto next = domain::CheckLine(head, line);
      EXPECT_TRUE(next.ok()) << next.status();
      if (!next.ok()) return 0;
      head = *next;
    }
    return head.sequence;
  }
  Disk disk;
  std::unique_ptr<FileAuditLog> log;
};

TEST_F(AuditFile, R51IsDurableWhenDoneIsCalled) {
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(AppendAndWait(common::StrCat("record-", i)).ok());
  EXPECT_EQ(VerifiedRecords(), 5U);
  EXPECT_EQ(log->head().sequence, 5U);
}

TEST_F(AuditFile, WhateverWaitsGoesInOneSync) {
  Set(&Disk::hold_sync, true);
  std::atomic<int> done{0};
  log->Append(Record("first"), [&](const absl::Status&) { ++done; });
  {
    std::unique_lock lock(disk.mutex);
    ASSERT_TRUE(disk.change.wait_for(lock, std::chrono::seconds(10), [&] { return disk.syncs == 1; }));
  }
  for (int i = 0; i < 100; ++i) log->Append(Record("more"), [&](const absl::Status&) { ++done; });
  EXPECT_EQ(done, 0) << "nothing is done before the disk says so";
  Set(&Disk::hold_sync, false);
  EXPECT_TRUE(AppendAndWait("last").ok());
  EXPECT_EQ(done, 101);
  EXPECT_LE(disk.syncs, 3);
  EXPECT_EQ(VerifiedRecords(), 102U);
}

TEST_F(AuditFile, R51AFullDiskRefusesAndTheChainGoesOnAfterwards) {
  EXPECT_TRUE(AppendAndWait("before").ok());
  Set(&Disk::fail_write, true);
  EXPECT_EQ(AppendAndWait("lost").code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(log->health().message()), ::testing::HasSubstr("no space left"));
  Set(&Disk::fail_write, false);
  EXPECT_TRUE(AppendAndWait("after").ok());
  EXPECT_TRUE(log->health().ok());
  EXPECT_EQ(VerifiedRecords(), 2U);
}

TEST_F(AuditFile, R51AFailedSyncRefusesTheWholeGroup) {
  EXPECT_TRUE(AppendAndWait("before").ok());
  Set(&Disk::fail_sync, true);
  EXPECT_FALSE(AppendAndWait("lost").ok());
  Set(&Disk::fail_sync, false);
  EXPECT_TRUE(AppendAndWait("after").ok());
  EXPECT_EQ(VerifiedRecords(), 2U);
  EXPECT_THAT(disk.durable, ::testing::Not(::testing::HasSubstr("lost")));
}

TEST_F(AuditFile, R51WhatCannotBeCutBackIsNotBuiltUpon) {
  Set(&Disk::fail_write, true);
  Set(&Disk::fail_truncate, true);
  EXPECT_FALSE(AppendAndWait("lost").ok());
  Set(&Disk::fail_write, false);
  EXPECT_FALSE(AppendAndWait("still refused").ok()) << "half a record lies at the end";
  Set(&Disk::fail_truncate, false);
  EXPECT_TRUE(AppendAndWait("after").ok());
  EXPECT_EQ(VerifiedRecords(), 1U);
}

TEST_F(AuditFile, AChainGoesOnAcrossRestarts) {
  EXPECT_TRUE(AppendAndWait("one").ok());
  Open();
  EXPECT_TRUE(AppendAndWait("two").ok());
  Open();
  EXPECT_TRUE(AppendAndWait("three").ok());
  EXPECT_EQ(VerifiedRecords(), 3U);
}

TEST_F(AuditFile, ATornEndIsCutOff) {
  EXPECT_TRUE(AppendAndWait("one").ok());
  EXPECT_TRUE(AppendAndWait("two").ok());
  log.reset();
  disk.content += "{\"seq\":3,\"at\":\"2027";
  Open();
  EXPECT_TRUE(AppendAndWait("three").ok());
  EXPECT_EQ(VerifiedRecords(), 3U);
}

TEST_F(AuditFile, AnAlteredLastRecordIsRefusedAtTheStart) {
  EXPECT_TRUE(AppendAndWait("one").ok());
  EXPECT_TRUE(AppendAndWait("two").ok());
  log.reset();
  disk.content[disk.content.rfind("two")] = 'T';
  EXPECT_EQ(FileAuditLog::Open(std::make_unique<FakeFile>(disk)).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(AuditFile, ShowsTheLastRecords) {
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(AppendAndWait(common::StrCat("record-", i)).ok());
  const auto last = log->Last(2);
  ASSERT_EQ(last->size(), 2U);
  EXPECT_THAT(last->at(0), ::testing::HasSubstr("record-3"));
  EXPECT_THAT(last->at(1), ::testing::HasSubstr("record-4"));
  EXPECT_EQ(log->Last(100)->size(), 5U);
}

}  // namespace
}  // namespace henb::keydist::store
