// What is saved, and what a restored service begins with (R45).
#include "keydist-server/domain/backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/strings.h"

namespace henb::keydist::domain {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const absl::Time kMade = absl::FromUnixSeconds(1'800'000'000);

HenbRecord Record(std::string_view id, HenbState state, std::uint32_t generation, std::vector<std::string> groups) {
  return {.id = *common::HenbId::Parse(id),
          .anchors = {common::Sha256Digest::Of("anchor")},
          .state = state,
          .generation = generation,
          .groups = std::move(groups)};
}

Backup Sample() {
  Backup backup;
  backup.made = kMade;
  backup.henbs = {Record("a.example", HenbState::kActive, 3, {"site", "two"}),
                  Record("b.example", HenbState::kSuspended, 2, {}),
                  Record("gone.example", HenbState::kRemoved, 9, {})};
  backup.pairs = {{*PairId::Of(backup.henbs[0].id, backup.henbs[1].id), PairRule::kDeny}};
  backup.highest_epoch = 41;
  backup.audit = {.sequence = 77, .hash = common::Sha256Digest::Of("head")};
  return backup;
}

std::string Error(std::string_view text) {
  const auto read = ReadBackup(text);
  EXPECT_TRUE(read.ok() || absl::IsInvalidArgument(read.status()));
  return read.ok() ? "good" : std::string(read.status().message());
}

/// With a digest that fits.
std::string Signed(std::string body) {
  const std::string digest = common::Sha256Digest::Of(body).ToHex();
  return body + "{\"sha256\":\"" + digest + "\"}\n";
}

std::string Body(const Backup& backup) {
  const std::string text = WriteBackup(backup);
  return text.substr(0, text.rfind("{\"sha256\""));
}

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Backup, IsReadAsItWasWritten) {
  const Backup backup = Sample();
  const auto read = ReadBackup(WriteBackup(backup));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->made, backup.made);
  EXPECT_EQ(read->henbs, backup.henbs);
  EXPECT_EQ(read->pairs, backup.pairs);
  EXPECT_EQ(read->highest_epoch, 41U);
  EXPECT_EQ(read->audit, backup.audit);
  Backup empty;
  empty.made = kMade;
  EXPECT_TRUE(ReadBackup(WriteBackup(empty)).ok());
}

TEST(Backup, EveryCutAndEveryChangedOctetIsRefusedWithItsLine) {
  const std::string text = WriteBackup(Sample());
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_THAT(Error(text.substr(0, size)), StartsWith("line ")) << "cut at " << size;
  }
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_THAT(Error(changed), StartsWith("line ")) << "octet " << at;
  }
  EXPECT_THAT(Error(text + "x"), StartsWith("line "));
}

TEST(Backup, ErrorsNameLineAndMember) {
  const std::string body = Body(Sample());
  ASSERT_EQ(Error(Signed(body)), "good");
  const auto with = [&](std::string_view from, std::string_view to) { return Error(Signed(Replaced(body, from, to))); };
  EXPECT_THAT(with("\"schema\":1", "\"schema\":2"), HasSubstr("line 1: schema 2"));
  EXPECT_THAT(with("henb.keydist.backup", "henb.keydist.other"), HasSubstr("line 1: not a backup"));
  EXPECT_THAT(with("a.example", "A.example"), StartsWith("line 2: "));
  EXPECT_THAT(with("\"generation\":3", "\"generation\":0"), HasSubstr("line 2: generation 0"));
  EXPECT_THAT(with("\"generation\":3", "\"generation\":4294967296"), HasSubstr("line 2: generation"));
  EXPECT_THAT(with("\"generation\":3", "\"generations\":3"), HasSubstr("line 2: generation is missing"));
  EXPECT_THAT(with("\"groups\":[\"site\",\"two\"]", "\"groups\":[\"site\",\"two\"],\"root\":\"x\""),
              HasSubstr("line 2: members"));
  EXPECT_THAT(with("suspended", "asleep"), HasSubstr("line 3: state"));
  EXPECT_THAT(with("b.example", "a.example"), HasSubstr("line 3: a.example is there twice"));
  EXPECT_THAT(with("\"deny\"", "\"maybe\""), HasSubstr("line 5: rule"));
  EXPECT_THAT(with("\"henbs\":3", "\"henbs\":2"), HasSubstr("line 6: not as many"));
  EXPECT_THAT(with("{\"pair\"", "{\"pear\""), HasSubstr("line 5: record"));
  EXPECT_THAT(Error(Signed(body.substr(0, body.find("{\"end\"")))), HasSubstr("the end is missing"));
  EXPECT_THAT(Error(Signed(body + "{\"end\":{}}\n")), HasSubstr("line 7: something follows"));
}

TEST(Backup, R45ARestoreStartsAboveEveryEpochAndRaisesEveryGeneration) {
  const auto plan = PlanRestore(Sample(), {}, 0, absl::Hours(24), kMade);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_GT(plan->last_epoch, 41U);
  ASSERT_EQ(plan->henbs.size(), 3U);
  EXPECT_EQ(plan->henbs[0].generation, 1003U);
  EXPECT_EQ(plan->henbs[2].generation, 1009U) << "a removed name keeps counting";
}

TEST(Backup, R45ABackupThatIsAMonthOldIsAboveTheEpochsOfThatMonth) {
  const absl::Time now = kMade + absl::Hours(24 * 31);
  EXPECT_GE(PlanRestore(Sample(), {}, 0, absl::Hours(24), now)->last_epoch, 41U + 31U + 1U);
  EXPECT_EQ(PlanRestore(Sample(), {}, 500, absl::Hours(24), now)->last_epoch, 500U) << "what the audit file names";
  EXPECT_EQ(PlanRestore(Sample(), {.above_epoch = 600}, 500, absl::Hours(24), now)->last_epoch, 600U);
  EXPECT_GT(PlanRestore(Sample(), {}, 0, absl::Hours(24), kMade - absl::Hours(5))->last_epoch, 41U)
      << "a clock that is behind";
}

TEST(Backup, AGenerationThatCannotBeRaisedIsRefused) {
  Backup backup = Sample();
  backup.henbs[1].generation = 0xfffffff0U;
  const auto plan = PlanRestore(backup, {}, 0, absl::Hours(24), kMade);
  EXPECT_TRUE(absl::IsInvalidArgument(plan.status()));
  EXPECT_THAT(std::string(plan.status().message()), HasSubstr("b.example"));
  EXPECT_FALSE(PlanRestore(Sample(), {.raise_generations = 0}, 0, absl::Hours(24), kMade).ok());
}

}  // namespace
}  // namespace henb::keydist::domain
