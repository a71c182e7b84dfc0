// R51: one chain over many files, whatever breaks off in between, and what may be thrown away.
#include "keydist-server/store/audit_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>

#include "common/file.h"
#include "common/strings.h"
#include "keydist-server/domain/audit_verifier.h"
#include "keydist-server/store/file_audit_log.h"

namespace henb::keydist::store {
namespace {

using ::testing::ElementsAre;

TEST(AuditPartName, IsReadBackAndSortsByRecord) {
  const std::string name = domain::AuditPartName("audit.jsonl", 1, 42);
  EXPECT_EQ(name, "audit.00000000000000000001-00000000000000000042.jsonl");
  EXPECT_EQ(domain::ParseAuditPart("audit.jsonl", name)->last, 42U);
  EXPECT_LT(name, domain::AuditPartName("audit.jsonl", 43, 1000));
  EXPECT_LT(domain::AuditPartName("audit.jsonl", 43, 1000), "audit.jsonl");
  for (const char* other : {"audit.jsonl", "audit-heads.jsonl", "audit.00000000000000000009-00000000000000000001.jsonl",
                            "audit.0000000000000000000x-00000000000000000042.jsonl", ""}) {
    EXPECT_FALSE(domain::ParseAuditPart("audit.jsonl", other).has_value()) << other;
  }
}

class AuditFiles : public ::testing::Test {
 protected:
  AuditFiles() {
    std::string pattern = std::filesystem::temp_directory_path() / "audit-XXXXXX";
    folder = mkdtemp(pattern.data());
    path = folder + "/audit.jsonl";
    Open();
  }
  ~AuditFiles() override {
    log.reset();
    std::filesystem::remove_all(folder);
  }
  void Open() {
    log.reset();
    auto file = OpenGrowingAudit(path);
    ASSERT_TRUE(file.ok()) << file.status();
    const auto before = HeadOfNewestPart(path);
    ASSERT_TRUE(before.ok()) << before.status();
    FileAuditLog::Options options;
    options.clock = &clock;
    options.before = *before;
    options.roll = [this](std::uint64_t first, std::uint64_t last) { return RollAudit(path, first, last); };
    options.roll_size = 400;
    options.roll_every = absl::Hours(24);
    auto opened = FileAuditLog::Open(*std::move(file), std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.status();
    log = *std::move(opened);
  }
  void Append(int times = 1) {
    for (int i = 0; i < times; ++i) {
      domain::AuditRecord record;
      record.at = clock.Now();
      record.event = "keys_issued";
      std::promise<absl::Status> done;
      log->Append(std::move(record), [&](absl::Status status) { done.set_value(std::move(status)); });
      ASSERT_TRUE(done.get_future().get().ok());
    }
  }
  [[nodiscard]] std::vector<domain::AuditPart> Parts() const { return *AuditPartsOf(path); }
  /// The chain over all files, from the first that is left.
  [[nodiscard]] std::uint64_t VerifiedUpTo(bool partial = false) const {
    domain::AuditVerifier verifier(partial);
    std::vector<std::string> files;
    for (const domain::AuditPart& part : Parts()) files.push_back(folder + "/" + part.name);
    files.push_back(path);
    for (const std::string& file : files) {
      const std::string text = *common::ReadFile(file);
      for (const std::string_view line : common::Split(text, '\n')) {
        if (line.empty()) continue;
        const absl::Status taken = verifier.Take(line);
        EXPECT_TRUE(taken.ok()) << file << ": " << taken;
      }
    }
    return verifier.head().sequence;
  }
  std::string folder, path;
  common::FakeClock clock;
  std::unique_ptr<FileAuditLog> log;
};

TEST_F(AuditFiles, R51TheChainGoesOnAcrossFilesAndStarts) {
  Append(10);
  EXPECT_GE(Parts().size(), 2U);
  EXPECT_EQ(VerifiedUpTo(), 10U);
  for (int i = 0; i < 6; ++i) {
    Open();
    Append();
  }
  EXPECT_EQ(VerifiedUpTo(), 16U);
  std::uint64_t next = 1;
  for (const domain::AuditPart& part : Parts()) {
    EXPECT_EQ(part.first, next);
    next = part.last + 1;
  }
}

TEST_F(AuditFiles, AFileIsRolledWhenItIsOldToo) {
  Append();
  EXPECT_TRUE(Parts().empty());
  clock.Advance(absl::Hours(25));
  Open();  // Its age is that of its first record.
  Append();
  ASSERT_EQ(Parts().size(), 1U);
  EXPECT_EQ(Parts()[0].last, 1U);
  EXPECT_EQ(VerifiedUpTo(), 2U);
}

TEST_F(AuditFiles, R51ARollThatAPowerCutBrokeOffIsEndedAtTheStart) {
  Append(2);
  log.reset();
  // Exchanged, but not named yet.
  std::filesystem::rename(path, path + ".next");
  std::ofstream(path).close();
  Open();
  ASSERT_EQ(Parts().size(), 1U);
  EXPECT_EQ(Parts()[0].last, 2U);
  Append();
  EXPECT_EQ(VerifiedUpTo(), 3U);
  log.reset();
  std::ofstream(path + ".next").close();  // Not exchanged yet.
  Open();
  Append();
  EXPECT_FALSE(std::filesystem::exists(path + ".next"));
  EXPECT_EQ(VerifiedUpTo(), 4U);
}

TEST_F(AuditFiles, WhatCannotBeRolledGrowsOn) {
  Append(2);
  std::filesystem::create_directory(path + ".next");
  Append(4);
  EXPECT_TRUE(Parts().empty());
  EXPECT_TRUE(log->health().ok());
  std::filesystem::remove(path + ".next");
  Append();
  EXPECT_EQ(Parts().size(), 1U);
  EXPECT_EQ(VerifiedUpTo(), 7U);
}

TEST_F(AuditFiles, R51OnlyWhatIsVouchedForElsewhereIsRemoved) {
  const auto signer = domain::AuditHeadSigner::Make();
  Append(10);
  const auto before = Parts();
  ASSERT_GE(before.size(), 2U);
  const std::string exported = folder + "/exported";
  const auto remove = [&](absl::Duration keep) {
    return RemoveExportedParts(path, exported, signer->verifier(), keep, clock.Now() + absl::Hours(48));
  };
  EXPECT_FALSE(remove(absl::Hours(24)).ok()) << "nothing has been exported";
  const auto export_up_to = [&](std::uint64_t sequence, const domain::AuditHeadSigner& by) {
    const std::string line =
        *by.Sign({.chain = {.sequence = sequence, .hash = {}}, .at = clock.Now(), .replica = "gw-1"});
    ASSERT_TRUE(common::WriteFileAtomically(exported, line).ok());
  };
  export_up_to(before[0].last - 1, *signer);
  EXPECT_EQ(*remove(absl::Hours(24)), 0U) << "the head stands before its last record";
  export_up_to(before[0].last, *domain::AuditHeadSigner::Make());
  EXPECT_FALSE(remove(absl::Hours(24)).ok()) << "another key's";
  export_up_to(before[0].last, *signer);
  EXPECT_EQ(*remove(absl::Hours(72)), 0U) << "too young";
  EXPECT_EQ(*remove(absl::Hours(24)), 1U);
  EXPECT_EQ(Parts().size(), before.size() - 1);
  EXPECT_EQ(VerifiedUpTo(/*partial=*/true), 10U);
  export_up_to(1000, *signer);
  EXPECT_EQ(*remove(absl::Hours(24)), before.size() - 1);
  Open();  // No part is left to say where the chain stood.
  Append();
  EXPECT_EQ(VerifiedUpTo(/*partial=*/true), 11U);
}

}  // namespace
}  // namespace henb::keydist::store
