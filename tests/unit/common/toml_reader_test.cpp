#include "common/toml_reader.h"

#include <gtest/gtest.h>

#include "common/strings.h"

namespace henb::common {
namespace {

struct Read {
  std::string text = "default";
  std::vector<std::string> texts = {"default"};
  bool flag = false;
  std::int64_t number = 7;
  std::vector<std::int64_t> numbers = {7};
  absl::Duration duration = absl::Seconds(7);
  absl::Status status;
};

Read ReadAll(std::string_view text) {
  Read out;
  TomlReader reader(text, "x.toml");
  reader.String("a.text", &out.text);
  reader.Strings("a.texts", &out.texts);
  reader.Bool("a.flag", &out.flag);
  reader.Int("b.number", 1, 10, &out.number);
  reader.Ints("b.numbers", 1, 10, &out.numbers);
  reader.Duration("b.duration", &out.duration);
  out.status = reader.Finish();
  return out;
}

std::string ErrorOf(std::string_view text) {
  const absl::Status status = ReadAll(text).status;
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(status.message());
}

TEST(TomlReader, ReadsEveryType) {
  const Read read = ReadAll(R"([a]
text = "t"
texts = ["u", "v"]
flag = true
[b]
number = 10
numbers = []
duration = "1m30s"
)");
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.text, "t");
  EXPECT_EQ(read.texts, (std::vector<std::string>{"u", "v"}));
  EXPECT_TRUE(read.flag);
  EXPECT_EQ(read.number, 10);
  EXPECT_TRUE(read.numbers.empty());
  EXPECT_EQ(read.duration, absl::Seconds(90));
}

TEST(TomlReader, AbsentKeysLeaveTheDefault) {
  const Read read = ReadAll("");
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.text, "default");
  EXPECT_EQ(read.number, 7);
  EXPECT_EQ(read.numbers, std::vector<std::int64_t>{7});
}

TEST(TomlReader, UnknownKeysAreRefusedAtTheirPlace) {
  EXPECT_EQ(ErrorOf("[a]\ntext = \"t\"\n  tetx = 1\n"), "x.toml:3:3: unknown key a.tetx");
  EXPECT_EQ(ErrorOf("[c]\nx = 1\n"), "x.toml:1:2: unknown key c");
  EXPECT_EQ(ErrorOf("text = \"t\"\n"), "x.toml:1:1: unknown key text");
  EXPECT_EQ(ErrorOf("[a]\ntext.deeper = 1\n"), "x.toml:2:1: a.text must be text");
}

TEST(TomlReader, WrongTypesAreRefusedAtTheirPlace) {
  EXPECT_EQ(ErrorOf("[a]\ntext = 1\n"), "x.toml:2:8: a.text must be text");
  EXPECT_EQ(ErrorOf("[a]\nflag = \"true\"\n"), "x.toml:2:8: a.flag must be true or false");
  EXPECT_EQ(ErrorOf("[b]\nnumber = 1.0\n"), "x.toml:2:10: b.number must be a whole number");
  EXPECT_EQ(ErrorOf("[a]\ntexts = [\"x\",\n 3]\n"), "x.toml:3:2: a.texts must be a list of texts");
  EXPECT_EQ(ErrorOf("[a]\ntexts = \"x\"\n"), "x.toml:2:9: a.texts must be a list of texts");
}

TEST(TomlReader, ValuesOutOfRangeAreRefused) {
  EXPECT_EQ(ErrorOf("[b]\nnumber = 11\n"), "x.toml:2:10: b.number must be from 1 to 10");
  EXPECT_EQ(ErrorOf("[b]\nnumbers = [1, 0]\n"), "x.toml:2:11: b.numbers holds 0; must be from 1 to 10");
  for (const char* bad : {"30", "-1s", "inf", "soon", ""}) {
    EXPECT_NE(ErrorOf(StrCat("[b]\nduration = \"", bad, "\"\n")).find("is not a duration such as"), std::string::npos)
        << bad;
  }
}

TEST(TomlReader, BrokenSyntaxHasAPlace) {
  EXPECT_EQ(ErrorOf("[a]\ntext = \n").substr(0, 9), "x.toml:2:");
  EXPECT_EQ(ErrorOf("[a]\ntext = 'x'\ntext = 'y'\n").substr(0, 9), "x.toml:3:");
  EXPECT_EQ(ErrorOf("[a]\ntext = '\xff'\n").substr(0, 9), "x.toml:2:");
}

TEST(TomlReader, TheFirstErrorIsTold) {
  EXPECT_EQ(ErrorOf("[a]\ntext = 1\nflag = 1\nbogus = 1\n"), "x.toml:2:8: a.text must be text");
}

TEST(TomlReader, RequiredKeysAreMissed) {
  TomlReader reader("[a]\n", "x.toml");
  reader.Require("a.text");
  const absl::Status status = reader.Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(status.message()).find("a.text is missing"), std::string::npos) << status;
}

TEST(TomlReader, HasMakesAKeyKnown) {
  TomlReader reader("[a]\nx = 1\n", "x.toml");
  EXPECT_TRUE(reader.Has("a.x"));
  EXPECT_FALSE(reader.Has("a.y"));
  EXPECT_TRUE(reader.Finish().ok());
}

}  // namespace
}  // namespace henb::common
