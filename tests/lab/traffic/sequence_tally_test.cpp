#include "tests/lab/traffic/sequence_tally.h"

#include <gtest/gtest.h>

namespace henb::lab {
namespace {

constexpr std::int64_t kMs = 1'000'000;

TEST(SequenceTally, CountsWhatNeverCame) {
  SequenceTally tally;
  for (std::uint32_t n : {0U, 1U, 4U}) tally.Count(7, n, n * kMs);
  EXPECT_EQ(tally.received(), 3U);
  EXPECT_EQ(tally.missing(), 2U);
}

TEST(SequenceTally, LatePacketIsNotLost) {
  SequenceTally tally;
  for (std::uint32_t n : {0U, 2U, 1U}) tally.Count(7, n, 0);
  EXPECT_EQ(tally.missing(), 0U);
  EXPECT_EQ(tally.reordered(), 1U);
}

TEST(SequenceTally, SecondCopyIsADuplicate) {
  SequenceTally tally;
  for (std::uint32_t n : {0U, 0U, 1U}) tally.Count(7, n, 0);
  EXPECT_EQ(tally.received(), 2U);
  EXPECT_EQ(tally.duplicated(), 1U);
}

TEST(SequenceTally, NewSessionStartsItsNumbersAnewAndKeepsTheOldLosses) {
  SequenceTally tally;
  tally.Count(7, 1, 0);
  tally.Count(8, 0, 0);
  tally.Count(8, 1, 0);
  EXPECT_EQ(tally.received(), 3U);
  EXPECT_EQ(tally.missing(), 1U);
  EXPECT_EQ(tally.sessions(), 2U);
}

TEST(SequenceTally, RemembersTheLongestSilence) {
  SequenceTally tally;
  tally.Count(7, 0, 0);
  tally.Count(7, 1, 430 * kMs);
  tally.Count(7, 2, 435 * kMs);
  EXPECT_DOUBLE_EQ(tally.longest_gap_ms(), 430.0);
}

}  // namespace
}  // namespace henb::lab
