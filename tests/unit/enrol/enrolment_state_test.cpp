#include "henb-x2sec/enrol/enrolment_state.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "common/file.h"
#include "tests/support/temp_directory.h"
#include "tests/support/test_pki.h"

namespace henb::x2sec::enrol {
namespace {

using Phase = EnrolmentState::Phase;

EnrolmentState Sample(Phase phase) {
  const tests::TestAuthority root = tests::TestAuthority::Root("/CN=Root");
  EnrolmentState state;
  state.phase = phase;
  state.identity = common::HenbId::Parse("henb-a.example").value();
  state.recipient = "/O=Operator 1/CN=RA";
  state.ckaid = std::string(40, 'a');
  state.current_unsure = phase == Phase::kRequested;
  if (phase == Phase::kMakingKey) state.others = {std::string(40, 'b'), std::string(40, 'c')};
  if (phase == Phase::kConfirming || phase == Phase::kConfirmed)
    state.certificates = {root.IssueHenb("henb-a.example").certificate, root.certificate()};
  return state;
}

TEST(EnrolmentState, R34ComesBackAsItWasWritten) {
  const tests::TempDirectory directory;
  const EnrolmentStateFile file(directory.File("enrolment.json"));
  EXPECT_FALSE(file.Load().value().has_value());
  for (const Phase phase : {Phase::kMakingKey, Phase::kRequested, Phase::kConfirming, Phase::kConfirmed}) {
    const EnrolmentState state = Sample(phase);
    ASSERT_TRUE(file.Save(state).ok());
    const EnrolmentState loaded = file.Load().value().value();
    EXPECT_EQ(loaded.phase, state.phase);
    EXPECT_EQ(loaded.identity, state.identity);
    EXPECT_EQ(loaded.recipient, state.recipient);
    EXPECT_EQ(loaded.ckaid, state.ckaid);
    EXPECT_EQ(loaded.current_unsure, state.current_unsure);
    EXPECT_EQ(loaded.others, state.others);
    ASSERT_EQ(loaded.certificates.size(), state.certificates.size());
    for (std::size_t i = 0; i < state.certificates.size(); ++i) {
      EXPECT_EQ(loaded.certificates[i].der(), state.certificates[i].der());
    }
  }
  struct stat info {};
  ASSERT_EQ(stat(directory.File("enrolment.json").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  EXPECT_TRUE(file.Clear().ok());
  EXPECT_TRUE(file.Clear().ok());
  EXPECT_FALSE(file.Load().value().has_value());
}

TEST(EnrolmentState, R34ALineThatAPowerCutTookIsAsIfItHadNotBeenBegun) {
  const tests::TempDirectory directory;
  const std::string path = directory.File("enrolment.json");
  const EnrolmentStateFile file(path);
  ASSERT_TRUE(file.Save(Sample(Phase::kRequested)).ok());
  const std::string before = common::ReadFile(path).value();
  ASSERT_TRUE(file.Save(Sample(Phase::kConfirming)).ok());
  const std::string both = common::ReadFile(path).value();
  ASSERT_TRUE(both.starts_with(before));
  for (std::size_t size = before.size(); size < both.size(); ++size) {
    std::string cut = both.substr(0, size);
    for (const std::size_t more :
         {std::size_t{0}, both.size() - size}) {  // Or the file is as long, with nothing there.
      ASSERT_TRUE(common::WriteFileAtomically(path, cut + std::string(more, '\0')).ok());
      ASSERT_EQ(file.Load().value().value().phase, Phase::kRequested) << size;
    }
  }
  ASSERT_TRUE(file.Save(Sample(Phase::kConfirmed)).ok());
  EXPECT_EQ(file.Load().value().value().phase, Phase::kConfirmed);
  ASSERT_TRUE(file.Save(Sample(Phase::kRequested)).ok()) << "what follows a broken line is not lost with it";
  EXPECT_EQ(file.Load().value().value().phase, Phase::kRequested);
}

TEST(EnrolmentState, TheFileDoesNotGrowForEver) {
  const tests::TempDirectory directory;
  const EnrolmentStateFile file(directory.File("enrolment.json"));
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(file.Save(Sample(i % 2 == 0 ? Phase::kRequested : Phase::kConfirming)).ok());
    ASSERT_EQ(file.Load().value().value().phase, i % 2 == 0 ? Phase::kRequested : Phase::kConfirming);
    ASSERT_TRUE(common::ReadFile(directory.File("enrolment.json"), 64U << 10).ok());
  }
}

TEST(EnrolmentState, ReadsWhatTheReleaseBeforeWrote) {
  const tests::TempDirectory directory;
  const std::string path = directory.File("enrolment.json");
  const EnrolmentStateFile file(path);
  ASSERT_TRUE(file.Save(Sample(Phase::kConfirming)).ok());
  const std::string old = nlohmann::json::parse(common::ReadFile(path).value()).dump(1) + "\n";
  ASSERT_TRUE(common::WriteFileAtomically(path, old).ok());
  EXPECT_EQ(file.Load().value().value().phase, Phase::kConfirming);
  ASSERT_TRUE(file.Save(Sample(Phase::kConfirmed)).ok());
  EXPECT_EQ(file.Load().value().value().phase, Phase::kConfirmed);
}

TEST(EnrolmentState, WhatCanNotBeUnderstoodIsDataLoss) {
  const tests::TempDirectory directory;
  const std::string path = directory.File("enrolment.json");
  const EnrolmentStateFile file(path);
  ASSERT_TRUE(file.Save(Sample(Phase::kConfirming)).ok());
  const std::string good = common::ReadFile(path).value();
  const auto spoilt = [&](const std::string& what, const std::string& with) {
    std::string text = good;
    text.replace(text.find(what), what.size(), with);
    return text;
  };
  for (const std::string& bad :
       {std::string(), std::string("[]"), good.substr(0, good.size() / 2), spoilt("CONFIRMING", "CONFUSED"),
        spoilt("\"ckaid\"", "\"id\""), spoilt("BEGIN", "BEGUN"), spoilt("henb-a.example", "HENB A")}) {
    ASSERT_TRUE(common::WriteFileAtomically(path, bad).ok());
    EXPECT_EQ(file.Load().status().code(), absl::StatusCode::kDataLoss) << bad;
  }
}

}  // namespace
}  // namespace henb::x2sec::enrol
