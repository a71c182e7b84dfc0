// keydistctl against a running server: tables, JSON, exit statuses; and what may not be in any of its words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/file.h"
#include "common/log.h"
#include "common/strings.h"
#include "tests/unit/keydist/test_server.h"

namespace henb::keydist::test {
namespace {

using ::testing::HasSubstr;

class CtlTest : public ::testing::Test {
 protected:
  void SetUp() override { server.Start(); }
  int Run(std::vector<std::string> arguments) { return server.Ctl(std::move(arguments), &output, &error); }
  nlohmann::json Json(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "--json");
    EXPECT_EQ(Run(std::move(arguments)), 0) << error;
    return nlohmann::json::parse(output);
  }
  TestServer server;
  std::string output;
  std::string error;
};

TEST_F(CtlTest, AHenbsLife) {
  ASSERT_EQ(
      Run({"henb", "add", "e.example", "--anchor-cert", server.config.anchors[1], "--group", "site", "--group", "two"}),
      0)
      << error;
  EXPECT_EQ(Json({"henb", "show", "e.example"}),
            nlohmann::json({{"id", "e.example"},
                            {"anchor_spki_sha256", {server.vendor_one.spki().ToHex()}},
                            {"state", "ACTIVE"},
                            {"generation", 1},
                            {"groups", {"site", "two"}},
                            {"registration", nullptr}}));
  EXPECT_EQ(Json({"henb", "list"}).size(), 4U);
  EXPECT_EQ(Json({"henb", "list", "--group", "two"}).size(), 1U);
  EXPECT_EQ(Json({"henb", "suspend", "e.example"})["state"], "SUSPENDED");
  EXPECT_EQ(Json({"henb", "resume", "e.example"})["generation"], 2);
  EXPECT_EQ(Json({"rotate", "e.example"})["generation"], 3);
  EXPECT_EQ(Json({"group", "add", "three", "e.example"})["groups"].size(), 3U);
  EXPECT_EQ(Json({"group", "remove", "site", "e.example"})["groups"], nlohmann::json({"three", "two"}));
  ASSERT_EQ(Run({"henb", "remove", "e.example"}), 0);
  EXPECT_EQ(Run({"henb", "show", "e.example"}), 4);
}

TEST_F(CtlTest, PairsEpochsAuditAndStatus) {
  EXPECT_EQ(Json({"pair", "deny", "d.example", "a.example"}),
            nlohmann::json({{"lower", "a.example"}, {"higher", "d.example"}, {"rule", "DENY"}}));
  EXPECT_EQ(Json({"pair", "list"}).size(), 1U);
  EXPECT_EQ(Json({"pair", "clear", "a.example", "d.example"})["rule"], "CLEAR");
  EXPECT_EQ(Json({"pair", "list"}).size(), 0U);
  EXPECT_EQ(Json({"epoch", "show"})[0]["state"], "CURRENT");
  EXPECT_EQ(Json({"epoch", "advance", "--in", "5m"})[1]["state"], "NEXT");
  EXPECT_EQ(Run({"epoch", "advance"}), 1);
  EXPECT_THAT(error, HasSubstr("epoch 2 is announced already"));
  const auto audit = Json({"audit", "show", "--last", "2"});
  EXPECT_EQ(audit[0]["event"], "pair_cleared");
  EXPECT_EQ(audit[1]["event"], "epoch_advanced");
  const auto status = Json({"status"});
  EXPECT_EQ(status["henbs"], 3);
  for (const auto& health : status["health"]) EXPECT_EQ(health["ok"], true);
  for (const char* command : {"status"}) ASSERT_EQ(Run({command}), 0);
  EXPECT_THAT(output, HasSubstr("henbs          3"));
}

TEST_F(CtlTest, ExitStatusesSayWhatWentWrong) {
  EXPECT_EQ(Run({}), 2);
  EXPECT_EQ(Run({"henb", "frobnicate"}), 2);
  EXPECT_EQ(Run({"henb", "show", "Upper.Example"}), 2);
  EXPECT_THAT(error, HasSubstr("Upper.Example"));
  EXPECT_EQ(Run({"henb", "add", "e.example"}), 2) << "no anchor";
  EXPECT_EQ(Run({"henb", "add", "e.example", "--anchor", "abc"}), 2);
  EXPECT_THAT(error, HasSubstr("--anchor"));
  EXPECT_EQ(Run({"henb", "add", "e.example", "--anchor-cert", "/nonexistent.pem"}), 2);
  EXPECT_THAT(error, HasSubstr("/nonexistent.pem"));
  EXPECT_EQ(Run({"henb", "add", "a.example", "--anchor", server.vendor_two.spki().ToHex()}), 1);
  EXPECT_THAT(error, HasSubstr("registered already"));
  EXPECT_EQ(Run({"henb", "suspend", "nobody.example"}), 4);
  EXPECT_EQ(Run({"pair", "allow", "a.example", "nobody.example"}), 4);
  EXPECT_EQ(Run({"pair", "allow", "a.example", "a.example"}), 2);
  EXPECT_EQ(Run({"group", "add", "Not A Group", "a.example"}), 2);
  EXPECT_EQ(Run({"epoch", "advance", "--in", "soon"}), 2);
  EXPECT_EQ(Run({"--socket", "/nonexistent.sock", "status"}), 3);
  EXPECT_THAT(error, HasSubstr("/nonexistent.sock"));
  EXPECT_EQ(output, "");
}

TEST_F(CtlTest, TheStatusSocketIsForReading) {
  const std::string socket = server.config.run_dir + "/status.sock";
  EXPECT_EQ(Run({"--socket", socket, "henb", "list"}), 0);
  EXPECT_EQ(Run({"--socket", socket, "status"}), 0);
  for (const std::vector<std::string>& change :
       std::vector<std::vector<std::string>>{{"henb", "suspend", "a.example"},
                                             {"rotate", "a.example"},
                                             {"epoch", "advance"},
                                             {"henb", "remove", "a.example"},
                                             {"pair", "deny", "a.example", "b.example"},
                                             {"group", "add", "x", "a.example"}}) {
    std::vector<std::string> arguments = {"--socket", socket};
    arguments.insert(arguments.end(), change.begin(), change.end());
    EXPECT_EQ(Run(arguments), 5) << change[0];
  }
  for (const char* name : {"/admin.sock", "/status.sock"}) {
    const auto mode = std::filesystem::status(server.config.run_dir + name).permissions();
    EXPECT_EQ(static_cast<unsigned>(mode) & 0777U, 0600U) << name << ": the group is not there, so it is nobody's";
  }
}

TEST_F(CtlTest, ManyPagesAreOneList) {
  for (int i = 0; i < 250; ++i) {
    ASSERT_TRUE(server.Add("h" + std::to_string(i) + ".example", server.vendor_one, "many").ok());
  }
  const auto list = Json({"henb", "list", "--group", "many"});
  ASSERT_EQ(list.size(), 250U);
  for (std::size_t i = 1; i < list.size(); ++i) EXPECT_LT(list[i - 1]["id"], list[i]["id"]);
}

/// Forms in which a key could show.
std::vector<std::string> FormsOf(const common::SecretBytes& key) {
  const std::string hex = common::ToHex(key.view());
  std::string upper = hex;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  // A third of it is enough to be called a leak.
  return {std::string(key.view().substr(0, 12)), hex.substr(0, 24), upper.substr(0, 24)};
}

TEST_F(CtlTest, R48NoKeyInLogAuditStatusOrFiles) {
  std::string seen;
  std::mutex mutex;
  common::ConfigureLog({.json = false, .least = common::LogLevel::kDebug, .program = ""});
  common::SetLogSinkForTest([&](std::string_view line) {
    const std::lock_guard lock(mutex);
    seen += line;
  });
  std::vector<common::SecretBytes> keys;
  const auto take = [&] {
    const auto answer = server.Client("a.example", server.vendor_one)->GetPairKeys({Id("b.example"), Id("d.example")});
    ASSERT_TRUE(answer.ok());
    for (const auto& result : *answer) {
      const auto& granted = std::get<x2sec::core::PairKeys>(result.result);
      keys.push_back(granted.current.key.Clone());
      if (granted.next) keys.push_back(granted.next->key.Clone());
    }
  };
  take();
  ASSERT_EQ(Run({"epoch", "advance", "--in", "1h"}), 0);
  take();
  ASSERT_EQ(keys.size(), 6U);
  keys.push_back(*common::ReadSecretFile(server.config.kek));
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"status"},
                                             {"--json", "status"},
                                             {"--json", "audit", "show", "--last", "1000"},
                                             {"--json", "epoch", "show"},
                                             {"--json", "henb", "list"}}) {
    ASSERT_EQ(Run(command), 0);
    const std::lock_guard lock(mutex);
    seen += output + error;
  }
  server.Stop();
  common::SetLogSinkForTest(nullptr);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(server.config.state_dir)) {
    std::ifstream file(entry.path(), std::ios::binary);
    seen.append((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  }
  ASSERT_THAT(seen, HasSubstr("keys_issued"));
  for (const common::SecretBytes& key : keys) {
    for (const std::string& form : FormsOf(key)) EXPECT_EQ(seen.find(form), std::string::npos);
  }
}

}  // namespace
}  // namespace henb::keydist::test
