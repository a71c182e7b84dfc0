// keydistctl henb import and status --watch, against a running server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/file.h"
#include "common/strings.h"
#include "tests/unit/keydist/test_server.h"

namespace henb::keydist::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

class ImportTest : public ::testing::Test {
 protected:
  void SetUp() override { server.Start(); }
  int Run(std::vector<std::string> arguments) { return server.Ctl(std::move(arguments), &output, &error); }
  Json Imported(const std::string& path, int exit_status, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"--json", "henb", "import", path};
    arguments.insert(arguments.end(), more.begin(), more.end());
    EXPECT_EQ(Run(arguments), exit_status) << error;
    return Json::parse(output, nullptr, false);
  }
  [[nodiscard]] std::uint64_t Registered() {
    EXPECT_EQ(Run({"--json", "status"}), 0);
    return Json::parse(output)["henbs"];
  }
  std::string Line(const std::string& id, const std::string& groups = "site") const {
    return common::StrCat(id, ",", anchor, ",", groups, "\n");
  }
  TestServer server;
  const std::string anchor = server.vendor_one.spki().ToHex();
  const std::string header = "id,anchor_spki_sha256,groups\n";
  std::string output;
  std::string error;
};

TEST_F(ImportTest, AddsWhatIsNewAndLeavesWhatIsThere) {
  std::string text = header;
  for (int i = 0; i < 2500; ++i) text += Line(common::StrCat("h", i, ".example"));
  text += Line("a.example");  // Registered already, exactly so.
  const std::string path = server.folder.Write("henbs.csv", text);
  const Json first = Imported(path, 0);
  EXPECT_EQ(first["lines"], 2501);
  EXPECT_EQ(first["added"], 2500);
  EXPECT_EQ(first["unchanged"], 1);
  EXPECT_EQ(first["whole"], true);
  EXPECT_EQ(Registered(), 2503U);
  const Json again = Imported(path, 0);
  EXPECT_EQ(again["added"], 0);
  EXPECT_EQ(again["unchanged"], 2501);
  ASSERT_EQ(Run({"--json", "henb", "show", "h2499.example"}), 0);
  EXPECT_EQ(Json::parse(output)["groups"], Json({"site"}));
  const std::string audit = *common::ReadFile(server.config.audit_path);
  EXPECT_THAT(audit, HasSubstr("\"event\":\"henb_added\",\"actor\":\"operator\",\"detail\":\"h2499.example\""));
  EXPECT_EQ(Run({"audit", "verify", server.config.audit_path}), 0) << error;
}

TEST_F(ImportTest, BadLinesAreNamedAndChangeNothingAndTheOthersAreIn) {
  const std::string path = server.folder.Write(
      "henbs.csv", common::StrCat(header, Line("x.example"), Line("Bad.example"), "y.example,short,site\n",
                                  Line("z.example", "site Two"), "\n", Line("a.example", "elsewhere"),
                                  Line("x.example"), Line("x.example", "other"), Line("w.example")));
  const Json result = Imported(path, 2);
  EXPECT_EQ(result["lines"], 8);
  EXPECT_EQ(result["added"], 2);
  EXPECT_EQ(result["unchanged"], 1);
  EXPECT_EQ(result["refused"], 5);
  for (const char* line : {"henbs.csv:3: id: ", "henbs.csv:4: anchor_spki_sha256: ", "henbs.csv:5: groups: ",
                           "henbs.csv:7: groups: registered already, with others",
                           "henbs.csv:9: id: differs from line 2", "5 of 8 lines were refused and changed nothing"}) {
    EXPECT_THAT(error, HasSubstr(line));
  }
  EXPECT_EQ(Registered(), 5U);
  ASSERT_EQ(Run({"--json", "henb", "show", "a.example"}), 0);
  EXPECT_EQ(Json::parse(output)["groups"], Json({"site"})) << "as it was";
}

TEST_F(ImportTest, ADryRunSaysTheSameAndChangesNothing) {
  const std::string path = server.folder.Write(
      "henbs.jsonl", common::StrCat(R"({"id":"x.example","anchor_spki_sha256":[")", anchor, "\"]}\r\n",
                                    R"({"id":"a.example","anchor_spki_sha256":[")", anchor, R"("],"groups":["no"]})"));
  const Json result = Imported(path, 2, {"--dry-run"});
  EXPECT_EQ(result["added"], 1);
  EXPECT_EQ(result["refused"], 1);
  EXPECT_THAT(error, HasSubstr("henbs.jsonl:2: groups: registered already"));
  EXPECT_EQ(Registered(), 3U);
}

TEST_F(ImportTest, AWrongFileChangesNothing) {
  EXPECT_EQ(Run({"henb", "import", "/nonexistent.csv"}), 2);
  EXPECT_THAT(error, HasSubstr("/nonexistent.csv"));
  EXPECT_EQ(Run({"henb", "import", server.folder.Write("henbs.txt", header)}), 2);
  EXPECT_THAT(error, HasSubstr("--format"));
  EXPECT_EQ(Run({"henb", "import", server.folder.Write("h.csv", "name,anchor\nx,y\n")}), 2);
  EXPECT_THAT(error, HasSubstr("h.csv:1: the header's \"name\""));
  const std::string endless = common::StrCat(header, Line("x.example"), std::string(2 << 20, 'x'));
  EXPECT_EQ(Run({"henb", "import", server.folder.Write("e.csv", endless)}), 2);
  EXPECT_THAT(error, HasSubstr("e.csv:3: longer than"));
  EXPECT_THAT(error, HasSubstr("good lines up to 2 are in"));
  EXPECT_EQ(Registered(), 4U);
}

TEST_F(ImportTest, AByteOrderMarkAndAnOpenLastLineAreTaken) {
  const std::string path =
      server.folder.Write("h.csv", common::StrCat("\xEF\xBB\xBF", "id,anchor_spki_sha256\r\nx.example,", anchor));
  EXPECT_EQ(Imported(path, 0)["added"], 1);
}

TEST_F(ImportTest, TheStatusSocketAndADeadServerImportNothing) {
  const std::string path = server.folder.Write("h.csv", common::StrCat(header, Line("x.example")));
  EXPECT_EQ(Run({"--socket", server.config.run_dir + "/status.sock", "henb", "import", path}), 5);
  server.Stop();
  EXPECT_EQ(Run({"henb", "import", path}), 3);
  EXPECT_THAT(error, HasSubstr("stopped at line 2"));
}

TEST_F(ImportTest, ARemovedNameComesBackWithAHigherGeneration) {
  ASSERT_EQ(Run({"henb", "remove", "d.example"}), 0);
  EXPECT_EQ(Imported(server.folder.Write("h.csv", common::StrCat(header, Line("d.example"))), 0)["added"], 1);
  ASSERT_EQ(Run({"--json", "henb", "show", "d.example"}), 0);
  EXPECT_EQ(Json::parse(output)["generation"], 2);
}

TEST_F(ImportTest, StatusIsWatchedAndOutlivesTheServer) {
  ASSERT_EQ(Run({"--json", "status", "--watch", "--times", "3", "--every", "100ms"}), 0) << error;
  int objects = 0;
  for (const std::string_view line : common::Split(output, '\n')) {
    if (line.empty()) continue;
    ++objects;
    EXPECT_EQ(Json::parse(line)["henbs"], 3);
  }
  EXPECT_EQ(objects, 3);
  ASSERT_EQ(Run({"status"}), 0);
  for (const char* subsystem : {"store ", "epochs ", "audit ", "heads ", "tls ", "limits "}) {
    EXPECT_THAT(output, HasSubstr(subsystem));
  }
  EXPECT_THAT(output, HasSubstr("the certificate expires in"));
  EXPECT_THAT(output, Not(HasSubstr("FAILED")));
  EXPECT_EQ(Run({"status", "--watch", "--every", "soon"}), 2);
  server.Stop();
  EXPECT_EQ(Run({"status", "--watch", "--times", "2", "--every", "100ms"}), 3);
}

}  // namespace
}  // namespace henb::keydist::test
