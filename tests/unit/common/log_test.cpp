#include "common/log.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <thread>

namespace henb::common {
namespace {

using testing::ElementsAre;

class LogTest : public testing::Test {
 protected:
  LogTest() {
    SetLogSinkForTest([this](std::string_view line) { lines_.emplace_back(line); });
  }
  ~LogTest() override {
    SetLogSinkForTest(nullptr);
    ConfigureLog({});
  }
  std::vector<std::string> lines_;
};

TEST_F(LogTest, KeyValueLines) {
  LogInfo("link-up",
          {{"neighbour", "henb-b.example"}, {"reqid", 3}, {"ok", true}, {"reason", "no anchor"}, {"empty", ""}});
  EXPECT_THAT(lines_,
              ElementsAre("level=info event=link-up neighbour=henb-b.example reqid=3 ok=true reason=\"no anchor\" "
                          "empty=\"\""));
}

TEST_F(LogTest, NothingCanForgeALineOrDriveATerminal) {
  LogAlarm("e",
           {{"a", "x\nlevel=info event=forged"}, {"b", "\x1b[2J"}, {"c", "a\"b"}, {"d", "a=b"}, {"e", "\xc3\xa9"}});
  EXPECT_THAT(lines_,
              ElementsAre("level=alarm event=e a=\"x\\nlevel=info event=forged\" b=\"\\x1b[2J\" c=\"a\\\"b\" d=\"a=b\" "
                          "e=\"\\xc3\\xa9\""));
}

TEST_F(LogTest, JsonLines) {
  ConfigureLog({.json = true, .least = LogLevel::kInfo, .program = "x2secd"});
  LogWarning("e", {{"text", "a\n\xff"}, {"number", -5}, {"flag", false}});
  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_EQ(lines_[0].find('\n'), std::string::npos);
  const auto line = nlohmann::json::parse(lines_[0]);
  EXPECT_EQ(line["level"], "warning");
  EXPECT_EQ(line["event"], "e");
  EXPECT_EQ(line["program"], "x2secd");
  EXPECT_EQ(line["text"], "a\n\xef\xbf\xbd");
  EXPECT_EQ(line["number"], -5);
  EXPECT_EQ(line["flag"], false);
}

TEST_F(LogTest, TheProgramIsInEveryLine) {
  ConfigureLog({.json = false, .least = LogLevel::kInfo, .program = "x2secd"});
  LogInfo("e");
  EXPECT_THAT(lines_, ElementsAre("level=info event=e program=x2secd"));
}

TEST_F(LogTest, QuieterLevelsAreNotWritten) {
  LogDebug("quiet");
  ConfigureLog({.json = false, .least = LogLevel::kAlarm, .program = ""});
  LogWarning("quieter");
  LogAlarm("loud");
  EXPECT_THAT(lines_, ElementsAre("level=alarm event=loud"));
}

TEST_F(LogTest, StatusShowsItsMessage) {
  LogInfo("e", {{"error", absl::NotFoundError("no such thing")}});
  EXPECT_THAT(lines_, ElementsAre("level=info event=e error=\"no such thing\""));
}

TEST_F(LogTest, ThreadsDoNotMixTheirLines) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 100; ++i) LogInfo("e", {{"a", "b"}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(lines_.size(), 400U);
  for (const std::string& line : lines_) EXPECT_EQ(line, "level=info event=e a=b");
}

}  // namespace
}  // namespace henb::common
