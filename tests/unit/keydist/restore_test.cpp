// keydistctl backup, keydist-server --restore: R45 with a whole server before and after.
#include "keydist-server/app/restore.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/file.h"
#include "common/strings.h"
#include "keydist-server/store/sqlite_store.h"
#include "tests/unit/keydist/test_server.h"

namespace henb::keydist::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using x2sec::core::PairKeys;

class RestoreTest : public ::testing::Test {
 protected:
  void SetUp() override { server.Start(); }
  /// As a and d see it now.
  PairKeys Keys() {
    auto answer = server.Client("a.example", server.vendor_one)->GetPairKeys({Id("d.example")});
    EXPECT_TRUE(answer.ok()) << answer.status();
    return std::move(std::get<PairKeys>(answer->at(0).result));
  }
  absl::StatusOr<app::Restored> Restore(const domain::RestoreOptions& options = {}) {
    return app::Restore(server.config, file, options, server.clock);
  }
  void LoseTheDatabase() {
    server.Stop();
    for (const char* name : {"/keydist.db", "/keydist.db-wal", "/keydist.db-shm"}) {
      std::filesystem::remove(server.config.state_dir + name);
    }
  }
  TestServer server;
  std::string file = server.folder.path() + "/backup.jsonl";
  std::string error;
};

TEST_F(RestoreTest, R45TheSamePairGetsAnotherKeyAboveEveryEpochAndGeneration) {
  ASSERT_EQ(server.Ctl({"henb", "suspend", "b.example"}), 0);
  ASSERT_EQ(server.Ctl({"pair", "deny", "a.example", "b.example"}), 0);
  const PairKeys at_backup = Keys();
  ASSERT_EQ(server.Ctl({"backup", file}, nullptr, &error), 0) << error;
  // Life goes on: what is issued from here on the backup does not know.
  ASSERT_EQ(server.Ctl({"rotate", "d.example"}), 0);
  ASSERT_EQ(server.Ctl({"epoch", "advance"}), 0);
  const PairKeys at_loss = Keys();
  ASSERT_EQ(at_loss.current.epoch, 2U);
  LoseTheDatabase();

  const auto restored = Restore();
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(restored->henbs, 3U);
  EXPECT_EQ(restored->pairs, 1U);
  server.program = *app::Program::Start(server.config, server.clock, server.random, server.runner);
  const PairKeys after = Keys();
  EXPECT_GT(after.current.epoch, at_loss.current.epoch);
  EXPECT_GT(after.current.epoch, restored->last_epoch);
  EXPECT_GT(after.current.generation_local, at_loss.current.generation_local);
  EXPECT_GT(after.current.generation_peer, at_loss.current.generation_peer);
  for (const PairKeys* before : {&at_backup, &at_loss}) {
    EXPECT_FALSE(common::ConstantTimeEquals(before->current.key, after.current.key));
  }
  EXPECT_EQ(server.Client("b.example", server.vendor_one)->GetPairKeys({Id("d.example")}).status().code(),
            absl::StatusCode::kPermissionDenied)
      << "suspended it was, suspended it is";
  std::string pairs;
  EXPECT_EQ(server.Ctl({"pair", "list"}, &pairs), 0);
  EXPECT_THAT(pairs, HasSubstr("DENY"));
  EXPECT_THAT(*common::ReadFile(server.config.audit_path), HasSubstr("\"event\":\"restored\",\"actor\":\"operator\""));
}

TEST_F(RestoreTest, R45WhatTheAuditFileNamesIsAboveABackupsMark) {
  ASSERT_EQ(server.Ctl({"backup", file}), 0);
  for (int i = 0; i < 30; ++i) ASSERT_EQ(server.Ctl({"epoch", "advance"}), 0);
  EXPECT_EQ(Keys().current.epoch, 31U);
  LoseTheDatabase();
  EXPECT_EQ(Restore()->last_epoch, 31U);
}

TEST_F(RestoreTest, R45NoRootAndNoKeyIsInTheFile) {
  const PairKeys keys = Keys();
  ASSERT_EQ(server.Ctl({"backup", file}), 0);
  const std::string text = *common::ReadFile(file);
  EXPECT_EQ(std::filesystem::status(file).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  // The root as it is stored, sealed, and the key, each as octets and as hexadecimal digits.
  std::string sealed;
  {
    const auto store = store::SqliteStore::Open(server.config.state_dir + "/keydist.db");
    ASSERT_TRUE(store.ok()) << store.status();
    sealed = (*store)->Epochs()->at(0).sealed;
  }
  ASSERT_GT(sealed.size(), 32U);
  const std::string key(keys.current.key.view());
  for (const std::string& secret : {sealed, key}) {
    for (std::size_t at = 0; at + 8 <= secret.size(); ++at) {
      const std::string part = secret.substr(at, 8);
      EXPECT_THAT(text, Not(HasSubstr(part)));
      std::string hex;
      for (const char c : part) {
        constexpr char kDigits[] = "0123456789abcdef";
        hex.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
        hex.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
      }
      EXPECT_THAT(text, Not(HasSubstr(hex)));
    }
  }
}

TEST_F(RestoreTest, AnEmptyStoreIsNeededAndNoServerRunning) {
  ASSERT_EQ(server.Ctl({"backup", file}), 0);
  EXPECT_EQ(Restore().status().code(), absl::StatusCode::kUnavailable) << "it runs";
  server.Stop();
  EXPECT_EQ(Restore().status().code(), absl::StatusCode::kFailedPrecondition);
  server.program = *app::Program::Start(server.config, server.clock, server.random, server.runner);
  EXPECT_EQ(Keys().current.epoch, 1U) << "nothing has changed";
}

TEST_F(RestoreTest, ADamagedFileChangesNothing) {
  ASSERT_EQ(server.Ctl({"backup", file}), 0);
  LoseTheDatabase();
  std::string text = *common::ReadFile(file);
  text[text.size() / 2] ^= 1;
  ASSERT_TRUE(common::WriteFileAtomically(file, text).ok());
  const auto restored = Restore();
  EXPECT_EQ(restored.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(restored.status().message()), HasSubstr("backup.jsonl: line "));
  EXPECT_FALSE(std::filesystem::exists(server.config.state_dir + "/keydist.db"));
}

}  // namespace
}  // namespace henb::keydist::test
