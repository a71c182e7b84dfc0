// R54: every order of steps within a bound, over the functions that keydist-server and x2secd run.
// docs/epoch-search.md.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "tests/unit/epoch_protocol/search.h"

namespace henb::epoch_protocol {
namespace {

constexpr int kTwoEpochs = 6;     // Epoch 2 since 5, epoch 1's root destroyed at 6, epoch 3 made at 7.
constexpr int kThreeEpochs = 11;  // Epoch 3 since 10, epoch 2's root destroyed at 11, epoch 4 made at 12.

constexpr int kMaxSaAge = 2;  // An SA on epoch 1's key, which expires at 6, is gone at 8.

constexpr std::size_t kMostStates = 60'000'000;

/// EPOCH_SEARCH_FAULTS deepens every search; each more makes it some thirty times as large.
int Faults(int otherwise) {
  const char* wanted = std::getenv("EPOCH_SEARCH_FAULTS");
  return wanted == nullptr ? otherwise : std::atoi(wanted);
}

Found Explore(const Bound& bound, Mistake mistake) {
  World world(bound, mistake);
  Found found = Search(world, kMostStates);
  std::cout << found.states << " states, " << found.steps << " steps, up on a current key in " << found.home << "\n";
  if (found.violation.empty()) return found;
  std::cout << found.violation << ":\n";
  for (const std::string& line : found.trace) std::cout << "  " << line << "\n";
  return found;
}

void ExpectSound(const Bound& bound) {
  const Found found = Explore(bound, Mistake::kNone);
  EXPECT_TRUE(found.complete);
  EXPECT_EQ(found.violation, "");
  EXPECT_GT(found.home, 0U);
}

TEST(EpochProtocol, R54TwoEpochsInEveryOrderWithAnyOneFault) {
  ExpectSound(
      {.last_tick = kTwoEpochs, .faults = Faults(1), .proof_of_life = true, .answers_at_once = false, .max_sa_age = 0});
}

TEST(EpochProtocol, R54ThreeEpochsWithAnyOneFault) {
  ExpectSound({.last_tick = kThreeEpochs,
               .faults = Faults(1),
               .proof_of_life = true,
               .answers_at_once = true,
               .max_sa_age = kMaxSaAge});
}

TEST(EpochProtocol, R54TwoEpochsWithAnyTwoFaults) {
  if (std::getenv("EPOCH_SEARCH_DEEP") == nullptr) GTEST_SKIP() << "millions of states: EPOCH_SEARCH_DEEP=1 runs it";
  ExpectSound(
      {.last_tick = kTwoEpochs, .faults = Faults(2), .proof_of_life = true, .answers_at_once = true, .max_sa_age = 0});
}

struct Planted {
  const char* name;
  Mistake mistake;
  Bound bound;
  const char* found_as;
};

class PlantedMistake : public testing::TestWithParam<Planted> {};

TEST_P(PlantedMistake, R54IsFoundWithATrace) {
  const Found found = Explore(GetParam().bound, GetParam().mistake);
  EXPECT_THAT(found.violation, testing::HasSubstr(GetParam().found_as));
  EXPECT_FALSE(found.trace.empty());
}

constexpr Bound kFine{
    .last_tick = kTwoEpochs, .faults = 1, .proof_of_life = true, .answers_at_once = false, .max_sa_age = 0};
constexpr Bound kCoarse{
    .last_tick = kTwoEpochs, .faults = 2, .proof_of_life = true, .answers_at_once = true, .max_sa_age = 0};
constexpr Bound kOutage{
    .last_tick = kThreeEpochs, .faults = 0, .proof_of_life = true, .answers_at_once = true, .max_sa_age = kMaxSaAge};
constexpr Bound kOutageAndRestarts{
    .last_tick = kThreeEpochs, .faults = 2, .proof_of_life = false, .answers_at_once = true, .max_sa_age = kMaxSaAge};
constexpr Bound kNoProofOfLife{
    .last_tick = kTwoEpochs, .faults = 1, .proof_of_life = false, .answers_at_once = true, .max_sa_age = 0};

INSTANTIATE_TEST_SUITE_P(
    All, PlantedMistake,
    testing::Values(Planted{"ClientTakesOlderEpoch", Mistake::kClientTakesOlderEpoch, kFine, "older key is installed"},
                    Planted{"OldRemovedFirst", Mistake::kOldRemovedFirst, kFine, "old SA went before"},
                    Planted{"RootMadeAgain", Mistake::kRootMadeAgain, kCoarse, "two keys for"},
                    Planted{"ActivatesByOwnCalendar", Mistake::kActivatesByOwnCalendar, kFine, "before its activation"},
                    Planted{"GenerationLeftOut", Mistake::kGenerationLeftOut, kFine, "key of another"},
                    Planted{"NextUsedAtOnce", Mistake::kNextUsedAtOnce, kFine, "before its activation"},
                    Planted{"FailedChangeIsNotRetried", Mistake::kFailedChangeIsNotRetried, kNoProofOfLife,
                            "no way leads back"},
                    Planted{"ServerFollowsItsClockBack", Mistake::kServerFollowsItsClockBack, kCoarse,
                            "went back to an older epoch"},
                    Planted{"FresherKeyIsLeft", Mistake::kFresherKeyIsLeft, kFine, "destroyed epoch's key"},
                    Planted{"SuspensionLeavesKey", Mistake::kSuspensionLeavesKey, kCoarse, "though an end was denied"},
                    Planted{"ExpiredKeyStays", Mistake::kExpiredKeyStays, kOutage, "on a key that has expired"},
                    Planted{"RestartForgetsTheEnd", Mistake::kRestartForgetsTheEnd, kOutageAndRestarts,
                            "on a key that has expired"},
                    Planted{"OldSaStays", Mistake::kOldSaStays, kOutage, "outlives its key"}),
    [](const testing::TestParamInfo<Planted>& planted) { return std::string(planted.param.name); });

TEST(EpochProtocol, R54TheWayBackDoesNotNeedProofOfLife) { ExpectSound(kNoProofOfLife); }

}  // namespace
}  // namespace henb::epoch_protocol
