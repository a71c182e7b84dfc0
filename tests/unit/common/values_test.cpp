// Identities, digests, texts and tables.
#include <gtest/gtest.h>

#include "common/digest.h"
#include "common/exit_status.h"
#include "common/henb_id.h"
#include "common/status.h"
#include "common/strings.h"
#include "common/text_table.h"

namespace henb::common {
namespace {

TEST(HenbId, TakesLowerCaseFullDomainNames) {
  const std::string longest =
      std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c') + ".exampl12";
  ASSERT_EQ(longest.size(), 200U);
  for (const std::string& text :
       {std::string("henb-a.example"), std::string("a.b"), std::string("1.x--y.z9"), longest}) {
    const auto id = HenbId::Parse(text);
    ASSERT_TRUE(id.ok()) << id.status();
    EXPECT_EQ(id->str(), text);
  }
}

TEST(HenbId, RefusesEverythingElseAndQuotesIt) {
  const std::string too_long =
      std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c') + ".example12";
  for (const std::string& text :
       {std::string(), std::string("henb"), std::string("Henb.example"), std::string("henb.example."),
        std::string(".example"), std::string("a..b"), std::string("*.example"), std::string("-a.example"),
        std::string("a-.example"), std::string("a_b.example"), std::string("a b.example"), std::string("a.example\n"),
        std::string("a\0b.example", 11), std::string("h\xc3\xa9nb.example"), std::string(64, 'a') + ".example",
        too_long}) {
    const auto id = HenbId::Parse(text);
    EXPECT_EQ(id.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_NE(ToStd(id.status().message()).find("is not a HeNB identity"), std::string::npos) << text;
  }
}

TEST(HenbId, IsOrderedBytewise) {
  EXPECT_LT(*HenbId::Parse("henb-a.example"), *HenbId::Parse("henb-b.example"));
  EXPECT_LT(*HenbId::Parse("henb-10.example"), *HenbId::Parse("henb-2.example"));
  EXPECT_LT(*HenbId::Parse("a.b"), *HenbId::Parse("a.b.c"));
}

TEST(Sha256Digest, MatchesTheStandardsExample) {  // FIPS 180-2 appendix B.1
  EXPECT_EQ(Sha256Digest::Of("abc").ToHex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256Digest, RoundTripsAndRefusesOtherShapes) {
  const Sha256Digest digest = Sha256Digest::Of("abc");
  EXPECT_EQ(*Sha256Digest::ParseHex(digest.ToHex()), digest);
  EXPECT_EQ(*Sha256Digest::FromBytes(digest.bytes()), digest);
  const std::string hex = digest.ToHex();
  EXPECT_FALSE(Sha256Digest::ParseHex(hex.substr(1)).ok());
  EXPECT_FALSE(Sha256Digest::ParseHex(hex + "0").ok());
  EXPECT_FALSE(Sha256Digest::ParseHex("B" + hex.substr(1)).ok());
  EXPECT_FALSE(Sha256Digest::ParseHex("g" + hex.substr(1)).ok());
  EXPECT_FALSE(Sha256Digest::FromBytes("short").ok());
  EXPECT_NE(Sha256Digest::Of(""), Sha256Digest());
}

TEST(Strings, QuotedIsFitForATerminal) {
  EXPECT_EQ(Quoted("plain"), "\"plain\"");
  EXPECT_EQ(Quoted("a\x1b[2J\n"), "\"a\\x1b[2J\\n\"");
  EXPECT_EQ(Quoted("\xff"), "\"\\xff\"");
  EXPECT_EQ(Quoted("a\"b"), "\"a\\\"b\"");
  EXPECT_EQ(Quoted("abcdef", 3), "\"abc…\"");
  EXPECT_EQ(Quoted("abc", 3), "\"abc\"");
}

TEST(Strings, SplitAndJoin) {
  EXPECT_EQ(Split("", ','), std::vector<std::string_view>{""});
  EXPECT_EQ(Split(",a,,b", ','), (std::vector<std::string_view>{"", "a", "", "b"}));
  EXPECT_EQ(Join({"a", "", "b"}, ", "), "a, , b");
  EXPECT_EQ(Join({}, ","), "");
}

TEST(Strings, ParseNumberTakesWholeTextsThatFit) {
  EXPECT_EQ(ParseNumber<std::uint16_t>("65535"), 65535);
  EXPECT_EQ(ParseNumber<std::uint16_t>("65536"), std::nullopt);
  EXPECT_EQ(ParseNumber<int>("-7"), -7);
  EXPECT_EQ(ParseNumber<int>("ff", 16), 255);
  for (const char* text : {"", " 1", "1 ", "+1", "1x", "0x10"}) EXPECT_EQ(ParseNumber<int>(text), std::nullopt) << text;
  EXPECT_EQ(ParseNumber<unsigned>("-1"), std::nullopt);
}

TEST(Strings, Hex) {
  EXPECT_EQ(ToHex(std::string("\x00\xff", 2)), "00ff");
  EXPECT_EQ(FromHex("00Ff"), std::string("\x00\xff", 2));
  EXPECT_EQ(FromHex(""), "");
  EXPECT_EQ(FromHex("0"), std::nullopt);
  EXPECT_EQ(FromHex("0g"), std::nullopt);
}

TEST(TextTable, AlignsColumns) {
  TextTable table({"A", "LONG", "C"});
  table.Add({"wide", "x", "1"});
  table.Add({"", "y", "2"});
  EXPECT_EQ(table.Render(), "A     LONG  C\nwide  x     1\n      y     2\n");
}

TEST(ExitStatus, IsThatOfTheCommandLines) {
  EXPECT_EQ(ExitStatusOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitStatusOf(absl::InternalError("")), 1);
  EXPECT_EQ(ExitStatusOf(absl::DeadlineExceededError("")), 1);
  EXPECT_EQ(ExitStatusOf(absl::AbortedError("")), 1);
  EXPECT_EQ(ExitStatusOf(absl::InvalidArgumentError("")), 2);
  EXPECT_EQ(ExitStatusOf(absl::UnavailableError("")), 3);
  EXPECT_EQ(ExitStatusOf(absl::NotFoundError("")), 4);
  EXPECT_EQ(ExitStatusOf(absl::PermissionDeniedError("")), 5);
  EXPECT_EQ(ExitStatusOf(absl::UnauthenticatedError("")), 5);
}

absl::StatusOr<int> Half(int value) {
  if (value % 2 != 0) return absl::InvalidArgumentError("odd");
  return value / 2;
}

absl::Status Quarter(int value, int* out) {
  ASSIGN_OR_RETURN(const int half, Half(value));
  ASSIGN_OR_RETURN_CTX(*out, Half(half), "the half");
  return absl::OkStatus();
}

TEST(StatusMacros, PassErrorsUpWithContext) {
  int out = 0;
  EXPECT_TRUE(Quarter(8, &out).ok());
  EXPECT_EQ(out, 2);
  EXPECT_EQ(Quarter(3, &out), absl::InvalidArgumentError("odd"));
  EXPECT_EQ(Quarter(6, &out), absl::InvalidArgumentError("the half: odd"));
  EXPECT_EQ(WithContext(absl::OkStatus(), "x"), absl::OkStatus());
}

}  // namespace
}  // namespace henb::common
