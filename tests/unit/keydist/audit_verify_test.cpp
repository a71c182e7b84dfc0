// R51: keydistctl audit verify, offline, on files that were tampered with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/file.h"
#include "common/strings.h"
#include "keydist-server/domain/audit_head.h"
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

/// What the server keeps signing while it writes.
class AuditVerifyHeads : public AuditVerify {
 protected:
  /// A head of each given record.
  std::string Heads(const std::vector<std::string>& lines, const std::vector<std::uint64_t>& sequences) const {
    std::string text;
    for (const std::uint64_t sequence : sequences) {
      const std::string hash = nlohmann::json::parse(lines[sequence - 1])["hash"];
      text += *signer.Sign({.chain = {.sequence = sequence, .hash = *common::Sha256Digest::ParseHex(hash)},
                            .at = absl::FromUnixSeconds(1'800'000'000),
                            .replica = "gw-1"});
    }
    return server.folder.Write("heads.jsonl", text);
  }
  int VerifyWith(const std::string& heads, std::vector<std::string> files) {
    files.insert(files.end(), {"--heads", heads, "--heads-key", key});
    return Verify(std::move(files));
  }
  domain::AuditHeadSigner signer = *domain::AuditHeadSigner::Make();
  std::string key = server.folder.Write("heads.pub", *signer.PublicPem());
};

TEST_F(AuditVerifyHeads, R51ACutTailShows) {
  const std::vector<std::string> lines = Chain(5);
  const std::string heads = Heads(lines, {2, 2, 4});
  ASSERT_EQ(VerifyWith(heads, {File(lines), "--json"}), 0) << error;
  const auto json = nlohmann::json::parse(output);
  EXPECT_EQ(json["heads"]["checked"], 3);
  EXPECT_EQ(json["heads"]["last"]["seq"], 4);
  EXPECT_EQ(json["heads"]["last"]["replica"], "gw-1");
  const std::string cut = File({lines[0], lines[1], lines[2]}, "cut");
  EXPECT_EQ(Verify({cut}), 0) << "a chain alone does not show it";
  EXPECT_EQ(VerifyWith(heads, {cut}), 1);
  EXPECT_THAT(error, HasSubstr(heads + ":3: record 4 was signed, but the chain ends after record 3"));
  EXPECT_EQ(VerifyWith(heads, {File({}, "empty")}), 1);
}

TEST_F(AuditVerifyHeads, R51AChainWrittenAnewShows) {
  const std::vector<std::string> lines = Chain(4);
  const std::string heads = Heads(lines, {3});
  std::vector<std::string> forged;
  domain::ChainHead head;
  for (int i = 0; i < 4; ++i) {
    forged.emplace_back();
    head = domain::AppendLine(head, {.event = "keys_denied"}, &forged.back());
  }
  const std::string path = File(forged);
  EXPECT_EQ(Verify({path}), 0);
  EXPECT_EQ(VerifyWith(heads, {path}), 1);
  EXPECT_THAT(error, HasSubstr("record 3 is not the one that was signed"));
}

TEST_F(AuditVerifyHeads, R51HeadsMustBeSignedInOrderAndThere) {
  const std::vector<std::string> lines = Chain(4);
  const std::string path = File(lines);
  EXPECT_EQ(VerifyWith(Heads(lines, {3, 2}), {path}), 1);
  EXPECT_THAT(error, HasSubstr(":2: a head of record 2 after one of record 3"));
  EXPECT_EQ(VerifyWith(Heads(lines, {}), {path}), 1);
  EXPECT_THAT(error, HasSubstr("holds no head"));
  const std::string heads = Heads(lines, {1, 4});
  key = server.folder.Write("other.pub", *domain::AuditHeadSigner::Make()->PublicPem());
  EXPECT_EQ(VerifyWith(heads, {path}), 1);
  EXPECT_THAT(error, HasSubstr(heads + ":1: a head that was not signed with this key"));
  key = path;
  EXPECT_EQ(VerifyWith(heads, {path}), 2) << "not a key";
  EXPECT_EQ(Verify({path, "--heads", heads}), 2) << "without the key";
}

TEST_F(AuditVerifyHeads, R51OfAPartialChainItsOwnHeadsAreChecked) {
  const std::vector<std::string> lines = Chain(5);
  const std::string heads = Heads(lines, {1, 3, 5});
  ASSERT_EQ(VerifyWith(heads, {File({lines[2], lines[3], lines[4]}), "--partial", "--json"}), 0) << error;
  EXPECT_EQ(nlohmann::json::parse(output)["heads"]["checked"], 2);
}

TEST_F(AuditVerifyHeads, R51TheServerSignsAtStartAndStop) {
  for (int run = 0; run < 2; ++run) {
    server.Start();
    ASSERT_TRUE(server.Client("a.example", server.vendor_one)->GetPairKeys({Id("b.example")}).ok());
    server.Stop();
  }
  key = server.config.audit_heads_key + ".pub";
  const std::string audit = server.config.audit_path;
  ASSERT_EQ(VerifyWith(server.config.audit_heads_path, {audit, "--json"}), 0) << error;
  const auto json = nlohmann::json::parse(output);
  EXPECT_EQ(json["heads"]["checked"], 4);
  EXPECT_EQ(json["heads"]["last"]["seq"], json["last"]["seq"]);
  const auto mode = std::filesystem::status(server.config.audit_heads_key).permissions();
  EXPECT_EQ(static_cast<unsigned>(mode) & 0777U, 0600U);
  std::string text = *common::ReadFile(audit);
  text.resize(text.rfind('\n', text.size() - 2) + 1);
  server.folder.Write("state/audit.jsonl", text);
  EXPECT_EQ(VerifyWith(server.config.audit_heads_path, {audit}), 1) << "one record was cut off";
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
