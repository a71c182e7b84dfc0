// Lines of an import, and what is wrong with them, each with its place.
#include "keydist-server/ctl/henb_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/strings.h"

namespace henb::keydist::ctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kA(64, 'a');
const std::string kB(64, 'b');

std::string CsvError(std::string_view line, std::string_view header = "id,anchor_spki_sha256,groups") {
  const auto parser = ImportParser::ForCsv(header);
  if (!parser.ok()) return std::string(parser.status().message());
  const auto record = parser->Parse(line);
  if (record.ok()) return "good";
  EXPECT_EQ(record.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(record.status().message());
}

std::string JsonError(std::string_view line) {
  const auto record = ImportParser::ForJsonLines().Parse(line);
  return record.ok() ? "good" : std::string(record.status().message());
}

TEST(SplitCsv, FollowsRfc4180WithinALine) {
  EXPECT_THAT(*SplitCsv("a,b c,"), ElementsAre("a", "b c", ""));
  EXPECT_THAT(*SplitCsv("\"a,b\",\"say \"\"x\"\"\",\"\""), ElementsAre("a,b", "say \"x\"", ""));
  EXPECT_THAT(*SplitCsv(""), ElementsAre(""));
  EXPECT_THAT(std::string(SplitCsv("a,b\"c").status().message()), StartsWith("column 4:"));
  EXPECT_THAT(std::string(SplitCsv("a,\"bc").status().message()), StartsWith("column 3:"));
  EXPECT_THAT(std::string(SplitCsv("\"a\"b,c").status().message()), StartsWith("column 4:"));
}

TEST(ImportCsv, ReadsAHenb) {
  const auto parser = ImportParser::ForCsv("groups,id,anchor_spki_sha256");
  ASSERT_TRUE(parser.ok()) << parser.status();
  const auto record = parser->Parse(common::StrCat("site-7  north site-7,a.example,", kB, " ", kA));
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->id.str(), "a.example");
  EXPECT_THAT(record->groups, ElementsAre("north", "site-7"));
  ASSERT_EQ(record->anchors.size(), 2U);
  EXPECT_EQ(record->anchors[0].ToHex(), kA);
}

TEST(ImportCsv, GroupsMayBeAbsent) {
  EXPECT_EQ(CsvError("a.example," + kA, "id,anchor_spki_sha256"), "good");
  EXPECT_EQ(CsvError("a.example," + kA + ","), "good");
}

TEST(ImportCsv, ErrorsNameTheField) {
  EXPECT_THAT(CsvError("A.example," + kA + ","), AllOf(StartsWith("id: "), HasSubstr("lower case")));
  EXPECT_THAT(CsvError("a.example,abc,"), StartsWith("anchor_spki_sha256: "));
  EXPECT_THAT(CsvError("a.example,,"), StartsWith("anchor_spki_sha256: not 1 to 8"));
  EXPECT_THAT(CsvError("a.example," + kA + ",Site"), StartsWith("groups: "));
  EXPECT_THAT(CsvError("a.example," + kA), HasSubstr("2 fields where the header has 3"));
  EXPECT_THAT(CsvError("", "id,anchor,groups"), HasSubstr("\"anchor\" is none of"));
  EXPECT_THAT(CsvError("", "id,groups"), HasSubstr("no anchor_spki_sha256"));
  EXPECT_THAT(CsvError("", "id,id,anchor_spki_sha256"), HasSubstr("id twice"));
  std::string many;
  for (int i = 0; i < 65; ++i) common::StrAppend(&many, "g", i, " ");
  EXPECT_THAT(CsvError("a.example," + kA + "," + many), StartsWith("groups: more than 64"));
}

TEST(ImportJson, ReadsAHenb) {
  const auto record = ImportParser::ForJsonLines().Parse(
      common::StrCat(R"({"id":"a.example","anchor_spki_sha256":[")", kA, R"("],"groups":["two","one"]})"));
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_THAT(record->groups, ElementsAre("one", "two"));
}

TEST(ImportJson, ErrorsNameTheMemberOrTheColumn) {
  const std::string anchors = common::StrCat(R"("anchor_spki_sha256":[")", kA, R"("])");
  EXPECT_EQ(JsonError("{\"id\":\"a.example\"," + anchors + "}"), "good");
  EXPECT_THAT(JsonError("{\"id\":\"a.example\"," + anchors + ",\"state\":\"ACTIVE\"}"),
              StartsWith("\"state\": no such"));
  EXPECT_THAT(JsonError("{\"id\":1," + anchors + "}"), StartsWith("id: not a text"));
  EXPECT_THAT(JsonError(R"({"id":"a.example","anchor_spki_sha256":"x"})"),
              StartsWith("anchor_spki_sha256: not a list"));
  EXPECT_THAT(JsonError(R"({"id":"a.example","anchor_spki_sha256":[1]})"),
              StartsWith("anchor_spki_sha256: not a list"));
  EXPECT_THAT(JsonError("{\"id\":\"a.example\",\"id\":\"b.example\"," + anchors + "}"), StartsWith("\"id\": twice"));
  EXPECT_THAT(JsonError("{" + anchors + "}"), StartsWith("id: "));
  EXPECT_THAT(JsonError("[]"), StartsWith("not a JSON object"));
  EXPECT_THAT(JsonError("{\"id\" \"a\"}"), StartsWith("column 9:"));
  EXPECT_THAT(JsonError(std::string(200'000, '[')), HasSubstr("not JSON"));
}

TEST(ImportFormatOfName, IsTheSuffix) {
  EXPECT_EQ(*FormatOfName("x/henbs.csv"), ImportFormat::kCsv);
  EXPECT_EQ(*FormatOfName("henbs.jsonl"), ImportFormat::kJsonLines);
  EXPECT_THAT(std::string(FormatOfName("henbs.txt").status().message()), HasSubstr("--format"));
}

}  // namespace
}  // namespace henb::keydist::ctl
