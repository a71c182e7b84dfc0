// R51: keydistctl audit verify, offline, on files that were tampered with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/strings.h"
#include "keydist-server/domain/audit_record.h"
#include "tests/unit/keydist/test_server.h"

namespace henb::keydist::test {
namespace {

using ::testing::HasSubstr;

/// keydistctl with no server behind it.
class AuditVerify : public ::testing::Test {
 protected:
  static std::vector<std::string> Chain(int count) {
    std::vector<std::string> lines;
    domain::ChainHead head;
    for (int i = 1; i <= count; ++i) {
      domain::AuditRecord record;
      record.at = absl::FromUnixSeconds(1'800'000'000 + i);
      record.event = "keys_issued";
      record.detail = common::StrCat("record-", i);
      lines.emplace_back();
      head = domain::AppendLine(head, record, &lines.back());
    }
    return lines;
  }
  std::string File(const std::vector<std::string>& lines, const std::string& name = "audit.jsonl") {
    return server.folder.Write(name, common::Join(lines, ""));
  }
  int Verify(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"audit", "verify"});
    return server.Ctl(std::move(arguments), &output, &error);
  }
  TestServer server;  // Not started.
  std::string output;
  std::string error;
};

TEST_F(AuditVerify, R51AnIntactChainIsToldWithItsEnds) {
  const std::vector<std::string> lines = Chain(5);
  const std::string path = File(lines);
  ASSERT_EQ(Verify({path, "--json"}), 0) << error;
  const auto json = nlohmann::json::parse(output);
  EXPECT_EQ(json["intact"], true);
  EXPECT_EQ(json["records"], 5);
  EXPECT_EQ(json["first"], nlohmann::json({{"seq", 1}, {"at", "2027-01-15T08:00:01.000000Z"}}));
  EXPECT_EQ(json["last"]["seq"], 5);
  EXPECT_EQ(json["hash"], nlohmann::json::parse(lines.back())["hash"]);
  EXPECT_EQ(json["error"], nullptr);
  ASSERT_EQ(Verify({path}), 0);
  EXPECT_THAT(output, HasSubstr("records  5\n"));
}

TEST_F(AuditVerify, R51SeveralFilesAreOneChainInTheirOrder) {
  const std::vector<std::string> lines = Chain(5);
  const std::string older = File({lines[0], lines[1]}, "older");
  const std::string newer = File({lines[2], lines[3], lines[4]}, "newer");
  EXPECT_EQ(Verify({older, newer}), 0) << error;
  EXPECT_EQ(Verify({newer, older}), 1);
  EXPECT_EQ(Verify({older, older}), 1);
  EXPECT_THAT(error, HasSubstr(older + ":1: audit record 3 is missing"));
  EXPECT_EQ(Verify({newer}), 1) << "its beginning is missing";
  ASSERT_EQ(Verify({newer, "--partial", "--json"}), 0) << error;
  EXPECT_EQ(nlohmann::json::parse(output)["first"]["seq"], 3);
}

TEST_F(AuditVerify, R51DamageIsToldByFileAndLine) {
  const std::vector<std::string> lines = Chain(4);
  std::vector<std::string> altered = lines;
  altered[2][altered[2].find("record-3")] = 'R';
  std::string path = File(altered);
  EXPECT_EQ(Verify({path, "--json"}), 1);
  EXPECT_THAT(error, HasSubstr(path + ":3: audit record 3 was altered"));
  EXPECT_EQ(nlohmann::json::parse(output)["intact"], false);
  EXPECT_EQ(nlohmann::json::parse(output)["records"], 2);

  EXPECT_EQ(Verify({File({lines[0], lines[2], lines[3]})}), 1);
  EXPECT_THAT(error, HasSubstr(":2: audit record 2 is missing"));
  EXPECT_EQ(Verify({File({lines[0], lines[1], lines[1], lines[2]})}), 1);
  EXPECT_THAT(error, HasSubstr(":3: "));
  EXPECT_EQ(Verify({File({lines[0], lines[2], lines[1], lines[3]})}), 1);
  EXPECT_THAT(error, HasSubstr(":2: "));
  EXPECT_EQ(Verify({File({lines[0], "\n", lines[1]})}), 1);
  EXPECT_THAT(error, HasSubstr(":2: audit record after 1 is not whole"));
  EXPECT_EQ(Verify({File({lines[0], lines[1].substr(0, 40)})}), 1);
  EXPECT_THAT(error, HasSubstr(":2: ends in the middle"));
  EXPECT_EQ(Verify({File({lines[0], std::string(3U << 20, 'x'), "\n"})}), 1);
}

TEST_F(AuditVerify, AnEmptyFileHoldsNoRecords) {
  ASSERT_EQ(Verify({File({}), "--json"}), 0) << error;
  const auto json = nlohmann::json::parse(output);
  EXPECT_EQ(json["records"], 0);
  EXPECT_EQ(json["first"], nullptr);
}

TEST_F(AuditVerify, WhatCannotBeReadIsAMistakeOfTheCommandLine) {
  EXPECT_EQ(Verify({}), 2);
  EXPECT_EQ(Verify({"/nonexistent.jsonl"}), 2);
  EXPECT_THAT(error, HasSubstr("/nonexistent.jsonl"));
  EXPECT_EQ(Verify({server.folder.path()}), 2);
  EXPECT_EQ(output, "");
}

TEST_F(AuditVerify, R51WhatTheServerWroteVerifies) {
  server.Start();
  ASSERT_TRUE(server.Client("a.example", server.vendor_one)->GetPairKeys({Id("b.example")}).ok());
  server.Stop();
  ASSERT_EQ(Verify({server.config.audit_path, "--json"}), 0) << error;
  EXPECT_EQ(nlohmann::json::parse(output)["records"], 4) << "three HeNBs added, one call";
}

}  // namespace
}  // namespace henb::keydist::test
