#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/file.h"
#include "common/strings.h"
#include "henb-x2sec/nem/config.h"
#include "henb-x2sec/nem/device_list.h"

namespace henb::tests {
namespace {

using ::testing::HasSubstr;
using x2sec::nem::Config;
using x2sec::nem::DeviceList;
using x2sec::nem::ParseConfig;

constexpr char kGood[] = R"(
[server]
listen = "10.0.0.1"
certificate = "/etc/nem-gateway/server.pem"
key = "/etc/nem-gateway/server.key"
[devices]
list = "/etc/nem-gateway/devices"
vendor_root = "/etc/nem-gateway/vendor.pem"
[ra]
operator_root = "/etc/nem-gateway/operator.pem"
)";

std::string ErrorOf(const std::string& text) {
  const auto config = ParseConfig(text, "nem.toml");
  return config.ok() ? "taken" : std::string(config.status().message());
}

TEST(NemConfig, DefaultsAndManualMode) {
  const auto config = ParseConfig(kGood, "nem.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->ListenText(), "10.0.0.1:8445");
  EXPECT_EQ(config->ra_url, "");
}

TEST(NemConfig, ListenTakesBothFamiliesAndAPort) {
  std::string text = kGood;
  text.replace(text.find("10.0.0.1"), 8, "[2001:db8::1]:9000");
  EXPECT_EQ(ParseConfig(text, "nem.toml").value().ListenText(), "[2001:db8::1]:9000");
  text.replace(text.find("[2001:db8::1]:9000"), 18, "nem.example");
  EXPECT_THAT(ErrorOf(text), HasSubstr("server.listen"));
}

TEST(NemConfig, ErrorsNameTheirPlace) {
  EXPECT_THAT(ErrorOf(std::string(kGood) + "urls = 3\n"), HasSubstr("urls"));
  EXPECT_THAT(ErrorOf(std::string(kGood) + "url = \"http://ra\"\n"), HasSubstr("ra.certificate"));
  EXPECT_THAT(ErrorOf(std::string(kGood) + "url = \"ftp://ra\"\n"), HasSubstr("ra.url"));
  EXPECT_THAT(ErrorOf(std::string(kGood) + "batch_size = 0\n"), HasSubstr("batch_size"));
  EXPECT_THAT(ErrorOf("[server]\n"), HasSubstr("server.listen"));
}

TEST(NemConfig, EveryKeyOfTheDocumentationIsKnown) {
  const std::string page = common::ReadFile(X2_SOURCE_DIR "/docs/configuration.md").value();
  const std::size_t begin = page.find("## nem-gateway");
  ASSERT_NE(begin, std::string::npos);
  const std::string table = page.substr(begin);
  int keys = 0;
  for (const std::string_view line : common::Split(table, '\n')) {
    if (!line.starts_with("| `")) continue;
    const std::string_view cell = line.substr(0, line.find(" | ", 2));
    for (std::size_t at = cell.find('`'); at != std::string_view::npos; at = cell.find('`', at)) {
      const std::size_t end = cell.find('`', at + 1);
      const std::string key(cell.substr(at + 1, end - at - 1));
      at = end + 1;
      ++keys;
      // One that is known is refused for its type, another as unknown.
      EXPECT_THAT(ErrorOf(key + " = { odd = 1 }\n"),
                  ::testing::AllOf(HasSubstr(":1:"), ::testing::Not(HasSubstr("unknown"))))
          << key;
    }
  }
  EXPECT_EQ(keys, 23);
}

TEST(NemDevices, AreNamesWithOrWithoutAnAnchor) {
  const std::string anchor(64, 'a');
  const auto list = DeviceList::Parse("# all of them\nhenb-a.example\n\n henb-b.example " + anchor + "  # ours\r\n");
  ASSERT_TRUE(list.ok()) << list.status();
  const auto a = common::HenbId::Parse("henb-a.example").value();
  const auto b = common::HenbId::Parse("henb-b.example").value();
  const common::SpkiHash other{};
  EXPECT_EQ(list->size(), 2U);
  EXPECT_TRUE(list->Allows(a, other));
  EXPECT_FALSE(list->Allows(b, other)) << "another vendor's device of that name";
  EXPECT_TRUE(list->Allows(b, common::Sha256Digest::ParseHex(anchor).value()));
  EXPECT_FALSE(list->Allows(common::HenbId::Parse("henb-c.example").value()));
}

TEST(NemDevices, ErrorsNameTheLine) {
  for (const char* text : {"henb-a.example\nhenb-a.example\n", "x.example\n*.example\n",
                           "x.example\nhenb-a.example zz\n", "x.example\nhenb-a.example a b\n"}) {
    EXPECT_THAT(std::string(DeviceList::Parse(text).status().message()), HasSubstr("line 2")) << text;
  }
}

}  // namespace
}  // namespace henb::tests
