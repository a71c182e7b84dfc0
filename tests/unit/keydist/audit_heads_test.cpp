// R51: the file of signed heads, on a disk that fails.
#include "keydist-server/store/audit_heads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/log.h"
#include "common/strings.h"
#include "tests/unit/keydist/fake_disk.h"

namespace henb::keydist::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

domain::ChainHead At(std::uint64_t sequence) {
  return {.sequence = sequence, .hash = common::Sha256Digest::Of(std::to_string(sequence))};
}

class AuditHeadsFile : public ::testing::Test {
 protected:
  void SetUp() override {
    common::SetLogSinkForTest([this](std::string_view line) { log += line; });
  }
  void TearDown() override { common::SetLogSinkForTest(nullptr); }
  absl::Status Open(std::uint64_t records) {
    heads.reset();
    auto opened =
        AuditHeads::Open(std::make_unique<FakeFile>(disk), *domain::AuditHeadSigner::FromPem(*key.PrivatePem()),
                         {.replica = "gw-1", .every = absl::Minutes(1)}, At(records));
    if (opened.ok()) heads = *std::move(opened);
    return opened.status();
  }
  void Write(std::uint64_t sequence) { heads->Write(At(sequence), now, steady); }
  void TickAfter(absl::Duration time, std::uint64_t sequence) {
    steady += time;
    heads->Tick(At(sequence), now, steady);
  }
  /// Records that the file's heads stand for; each must be whole and signed.
  std::vector<std::uint64_t> Signed() {
    std::vector<std::uint64_t> sequences;
    for (const std::string_view line : common::Split(disk.durable, '\n')) {
      if (line.empty()) continue;
      const auto head = key.verifier().Check(line);
      EXPECT_TRUE(head.ok()) << head.status();
      if (!head.ok()) continue;
      EXPECT_EQ(head->chain, At(head->chain.sequence));
      sequences.push_back(head->chain.sequence);
    }
    return sequences;
  }
  Disk disk;
  domain::AuditHeadSigner key = *domain::AuditHeadSigner::Make();
  std::unique_ptr<AuditHeads> heads;
  absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  absl::Duration steady = absl::Seconds(1);
  std::string log;
};

TEST_F(AuditHeadsFile, R51AHeadComesAtTheIntervalWhileRecordsAreWritten) {
  ASSERT_TRUE(Open(0).ok());
  Write(0);
  TickAfter(absl::Seconds(59), 5);
  EXPECT_THAT(Signed(), ElementsAre(0));
  TickAfter(absl::Seconds(1), 6);
  EXPECT_THAT(Signed(), ElementsAre(0, 6));
  TickAfter(absl::Minutes(10), 6);
  EXPECT_THAT(Signed(), ElementsAre(0, 6)) << "nothing was written since";
  TickAfter(absl::Seconds(1), 7);
  Write(7);
  EXPECT_THAT(Signed(), ElementsAre(0, 6, 7, 7));
}

TEST_F(AuditHeadsFile, R51AFullDiskIsAnAlarmAndIsTriedAgain) {
  ASSERT_TRUE(Open(0).ok());
  Write(1);
  disk.fail_write = true;
  Write(2);
  TickAfter(absl::Seconds(1), 2);
  EXPECT_EQ(log.find("audit_head_failed"), log.rfind("audit_head_failed")) << "told once";
  EXPECT_THAT(log, HasSubstr("no space left"));
  disk.fail_write = false;
  TickAfter(absl::Seconds(1), 3);
  EXPECT_THAT(Signed(), ElementsAre(1, 3)) << "half a head was cut off first";
  EXPECT_THAT(log, HasSubstr("audit_head_recovered"));
}

TEST_F(AuditHeadsFile, ATornEndIsCutOff) {
  ASSERT_TRUE(Open(0).ok());
  Write(1);
  disk.content += "{\"seq\":2,\"hash\":\"";
  ASSERT_TRUE(Open(1).ok());
  Write(2);
  EXPECT_THAT(Signed(), ElementsAre(1, 2));
}

TEST_F(AuditHeadsFile, R51ALogThatIsShorterThanItsHeadsRaisesAnAlarm) {
  ASSERT_TRUE(Open(0).ok());
  for (std::uint64_t sequence = 1; sequence <= 40; ++sequence) Write(sequence);
  ASSERT_TRUE(Open(40).ok());
  EXPECT_EQ(log, "");
  ASSERT_TRUE(Open(39).ok());
  EXPECT_THAT(log, HasSubstr("audit_tail_cut"));
}

TEST_F(AuditHeadsFile, HeadsOfAnotherKeyStopTheStart) {
  ASSERT_TRUE(Open(0).ok());
  Write(1);
  key = *domain::AuditHeadSigner::Make();
  EXPECT_EQ(Open(1).code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace henb::keydist::store
