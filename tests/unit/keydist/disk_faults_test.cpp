// The disk fails under a whole server: no key without its record, nothing lost, and it goes on by itself (R51).
#include "disk_faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "common/file.h"
#include "common/strings.h"
#include "keydist-server/store/sqlite_store.h"
#include "tests/unit/keydist/test_server.h"

namespace henb::keydist::test {
namespace {

using Kind = DiskFaults::Kind;
using ::testing::HasSubstr;

class DiskFaultsTest : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    server.config.audit_heads_every = absl::Seconds(1);
    server.Start();
    client = server.Client("a.example", server.vendor_one);
    ASSERT_TRUE(Ask());
  }
  void TearDown() override {
    DiskFaults::Clear();
    server.Stop();
  }
  bool Ask() {
    const auto answer = client->GetPairKeys({Id("d.example")});
    if (!answer.ok()) last = answer.status();
    if (answer.ok()) ++answered;
    return answer.ok();
  }
  /// Of `keydistctl status`: the line of this subsystem, {ok, detail}.
  std::pair<bool, std::string> Health(const std::string& subsystem) {
    server.program->Tick();
    std::string output;
    EXPECT_EQ(server.Ctl({"--json", "status"}, &output), 0);
    const auto status = nlohmann::json::parse(output, nullptr, false);
    for (const auto& health : status["health"]) {
      if (health["name"] == subsystem) return {health["ok"], health["detail"].is_null() ? "" : health["detail"]};
    }
    ADD_FAILURE() << output;
    return {};
  }
  bool IsHealthy(const std::string& subsystem) { return Health(subsystem).first; }
  /// Records of keys that were handed out.
  std::size_t Issued() {
    std::size_t count = 0;
    const std::string text = *common::ReadFile(server.config.audit_path);
    for (std::size_t at = 0; (at = text.find("\"event\":\"keys_issued\"", at)) != std::string::npos; ++at) ++count;
    return count;
  }
  TestServer server;
  std::unique_ptr<x2sec::keydist_client::KeyServiceClient> client;
  std::size_t answered = 0;
  absl::Status last;
};

TEST_P(DiskFaultsTest, R51BelowTheAuditLogNoKeyGoesOutAndItGoesOnByItself) {
  DiskFaults::Set(GetParam(), "audit.jsonl");
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(Ask());
  EXPECT_GT(DiskFaults::failed(), 0) << "the fault was there";
  EXPECT_EQ(last.code(), absl::StatusCode::kUnavailable) << last;
  const auto [ok, detail] = Health("audit");
  EXPECT_FALSE(ok);
  EXPECT_THAT(detail, HasSubstr("no audit record can be written"));
  EXPECT_THAT(detail, HasSubstr("audit.jsonl"));
  const std::size_t before = answered;

  DiskFaults::Clear();
  // Nobody asks: the server tries by itself.
  EXPECT_TRUE(Eventually([&] { return IsHealthy("audit"); }));
  EXPECT_TRUE(Ask()) << last;
  EXPECT_EQ(answered, before + 1);
  EXPECT_EQ(Issued(), answered) << "each answer has its record, and no record is of a key that was not handed out";
  EXPECT_THAT(*common::ReadFile(server.config.audit_path), HasSubstr("\"event\":\"audit_resumed\""));
  server.Stop();
  std::string output;
  EXPECT_EQ(server.Ctl({"audit", "verify", server.config.audit_path, "--heads", server.config.audit_heads_path,
                        "--heads-key", server.config.audit_heads_key + ".pub"},
                       &output),
            0)
      << output;
  server.Start();
  client = server.Client("a.example", server.vendor_one);
  EXPECT_TRUE(Ask()) << "and after a start: " << last;
}

TEST_P(DiskFaultsTest, BelowTheStoreNothingChangesByHalfAndKeysGoOn) {
  ASSERT_TRUE(server.Add("before.example", server.vendor_one, "site").ok());
  DiskFaults::Set(GetParam(), "keydist.db");
  std::set<std::string> refused;
  for (int i = 0; i < 5; ++i) {
    const std::string name = common::StrCat("refused-", i, ".example");
    const absl::Status status = server.Add(name, server.vendor_one, "site");
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    refused.insert(name);
  }
  std::string error;
  EXPECT_NE(server.Ctl({"henb", "suspend", "b.example"}, nullptr, &error), 0);
  EXPECT_NE(server.Ctl({"epoch", "advance"}, nullptr, &error), 0);
  EXPECT_GT(DiskFaults::failed(), 0);
  EXPECT_TRUE(Ask()) << "an epoch that is open needs no write: " << last;
  ASSERT_TRUE(Eventually([&] { return !IsHealthy("store"); }, absl::Seconds(30)));
  EXPECT_THAT(Health("store").second, HasSubstr("database"));

  DiskFaults::Clear();
  EXPECT_TRUE(Eventually([&] { return IsHealthy("store"); }, absl::Seconds(30)));
  ASSERT_TRUE(server.Add("after.example", server.vendor_one, "site").ok());
  ASSERT_EQ(server.Ctl({"epoch", "advance"}, nullptr, &error), 0) << error;
  EXPECT_TRUE(Ask());
  server.Stop();
  // As the file has it: what was acknowledged, and nothing of the rest.
  const auto store = store::SqliteStore::Open(server.config.state_dir + "/keydist.db");
  ASSERT_TRUE(store.ok()) << store.status();
  std::set<std::string> names;
  ASSERT_TRUE(
      (*store)->ReadAll([&](domain::HenbRecord henb) { names.insert(henb.id.str()); }, [](const auto&) {}).ok());
  EXPECT_EQ(names, (std::set<std::string>{"a.example", "b.example", "d.example", "before.example", "after.example"}));
  EXPECT_EQ((*store)->FindHenb(Id("b.example"))->value().state, domain::HenbState::kActive);
  EXPECT_EQ((*store)->Epochs()->size(), 2U);
}

TEST_P(DiskFaultsTest, BelowEverythingItSaysSoAndGoesOn) {
  DiskFaults::Set(GetParam(), server.config.state_dir);
  EXPECT_FALSE(Ask());
  EXPECT_FALSE(IsHealthy("audit"));
  EXPECT_TRUE(absl::IsUnavailable(server.Add("refused.example", server.vendor_one, "site")));
  DiskFaults::Clear();
  EXPECT_TRUE(
      Eventually([&] { return IsHealthy("audit") && IsHealthy("store") && IsHealthy("heads"); }, absl::Seconds(30)));
  EXPECT_TRUE(Ask()) << last;
  EXPECT_EQ(Issued(), answered);
}

std::string NameOf(const ::testing::TestParamInfo<Kind>& info) {
  switch (info.param) {
    case Kind::kNoSpace:
      return "NoSpace";
    case Kind::kShortWrite:
      return "ShortWrite";
    case Kind::kIoError:
      return "IoError";
    case Kind::kSyncFails:
      return "SyncFails";
    case Kind::kReadOnly:
      return "ReadOnly";
    case Kind::kNone:
      break;
  }
  return "None";
}

INSTANTIATE_TEST_SUITE_P(Faults, DiskFaultsTest,
                         ::testing::Values(Kind::kNoSpace, Kind::kShortWrite, Kind::kIoError, Kind::kSyncFails,
                                           Kind::kReadOnly),
                         &NameOf);

}  // namespace
}  // namespace henb::keydist::test
