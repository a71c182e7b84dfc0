// Sealed roots and the audit chain.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/strings.h"
#include "keydist-server/domain/audit_record.h"
#include "keydist-server/domain/pair_key.h"
#include "keydist-server/domain/root_sealer.h"

namespace henb::keydist::domain {
namespace {

common::SecretBytes Bytes(std::uint8_t value) {
  common::SecretBytes bytes(32);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes.data()[i] = value;
  return bytes;
}

TEST(RootSealer, OpensWhatItSealedAndNothingElse) {
  common::FakeRandom random;
  const RootSealer sealer = *RootSealer::Make(Bytes(1));
  const std::string sealed = *sealer.Seal(sealer.id(), 42, Bytes(9), random);
  EXPECT_EQ(sealed.size(), RootSealer::kSealedSize);
  EXPECT_EQ(sealed.find(std::string(8, '\x09')), std::string::npos);
  EXPECT_TRUE(common::ConstantTimeEquals(*sealer.Open(42, sealed), Bytes(9)));
  EXPECT_EQ(sealer.Open(43, sealed).status().code(), absl::StatusCode::kDataLoss) << "the epoch is bound";
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string altered = sealed;
    altered[i] = static_cast<char>(altered[i] ^ 1);
    EXPECT_FALSE(sealer.Open(42, altered).ok()) << "octet " << i;
  }
  EXPECT_FALSE(sealer.Open(42, sealed.substr(1)).ok());
  EXPECT_FALSE(sealer.Open(42, "").ok());
}

TEST(RootSealer, SaysThatTheKekIsAnotherOne) {
  common::FakeRandom random;
  const RootSealer one = *RootSealer::Make(Bytes(1));
  const RootSealer two = *RootSealer::Make(Bytes(2));
  const absl::Status status = two.Open(1, *one.Seal(one.id(), 1, Bytes(9), random)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(common::ToHex(one.id())));
  EXPECT_FALSE(RootSealer::Make(common::SecretBytes(31)).ok());
}

TEST(RootSealer, SealsTheSameRootDifferentlyEachTime) {
  common::FakeRandom random;
  const RootSealer sealer = *RootSealer::Make(Bytes(1));
  EXPECT_NE(*sealer.Seal(sealer.id(), 1, Bytes(9), random), *sealer.Seal(sealer.id(), 1, Bytes(9), random));
}

AuditRecord Issued() {
  AuditRecord record;
  record.at = absl::FromUnixMicros(1'800'000'000'123'456);
  record.event = "keys_issued";
  record.actor = "a.example";
  record.anchor = std::string(64, 'a');
  record.generation = 1;
  record.epoch = 42;
  record.purpose = "ike_psk";
  record.peers = {{"issued", "b.example", 3}, {"not_allowed", "c.example", 0}};
  return record;
}

std::vector<std::string> Chain(int count) {
  std::vector<std::string> lines;
  ChainHead head;
  for (int i = 0; i < count; ++i) {
    std::string line;
    AuditRecord record = Issued();
    record.detail = std::to_string(i);
    head = AppendLine(head, record, &line);
    line.pop_back();
    lines.push_back(line);
  }
  return lines;
}

absl::Status Verify(const std::vector<std::string>& lines) {
  ChainHead head;
  for (const std::string& line : lines) {
    const absl::StatusOr<ChainHead> next = CheckLine(head, line);
    if (!next.ok()) return next.status();
    head = *next;
  }
  return absl::OkStatus();
}

TEST(AuditChain, R51ALineIsJsonWithStableMembers) {
  const auto json = nlohmann::json::parse(Chain(1)[0]);
  EXPECT_EQ(json["seq"], 1);
  EXPECT_EQ(json["at"], "2027-01-15T08:00:00.123456Z");
  EXPECT_EQ(json["event"], "keys_issued");
  EXPECT_EQ(json["epoch"], 42);
  EXPECT_EQ(json["peers"][0]["generation"], 3);
  EXPECT_EQ(json["peers"][1]["outcome"], "not_allowed");
  EXPECT_FALSE(json["peers"][1].contains("generation"));
}

TEST(AuditChain, R51AnyChangeOfAnyOctetShows) {
  const std::vector<std::string> lines = Chain(3);
  ASSERT_TRUE(Verify(lines).ok());
  for (std::size_t i = 0; i < lines[1].size(); ++i) {
    std::vector<std::string> altered = lines;
    altered[1][i] = static_cast<char>(altered[1][i] ^ 1);
    EXPECT_FALSE(Verify(altered).ok()) << "octet " << i;
  }
}

TEST(AuditChain, R51RemovedRepeatedAndSwappedRecordsShow) {
  const std::vector<std::string> lines = Chain(4);
  EXPECT_FALSE(Verify({lines[0], lines[2], lines[3]}).ok());
  EXPECT_FALSE(Verify({lines[0], lines[1], lines[1], lines[2]}).ok());
  EXPECT_FALSE(Verify({lines[0], lines[2], lines[1], lines[3]}).ok());
  EXPECT_FALSE(Verify({lines[1]}).ok());
}

TEST(AuditChain, OutsideTextCannotForgeARecord) {
  AuditRecord record = Issued();
  record.detail = "x\"}\n{\"seq\":2,\"evil\":\"\\\x01\xff";
  std::string line;
  static_cast<void>(AppendLine({}, record, &line));
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_EQ(nlohmann::json::parse(line)["detail"], "x\"}\n{\"seq\":2,\"evil\":\"\\\x01\u00ff");
}

}  // namespace
}  // namespace henb::keydist::domain
