#include "henb-x2sec/ocspd/ocspd_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace henb::x2sec::ocspd {
namespace {

TEST(OcspdConfig, DefaultsAndTheRestIsX2secds) {
  const auto config = ReadOcspdConfig("[device]\nid = \"henb-a.example\"\n[x2]\nmode = \"tunnel\"\n", "x2secd.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->address.ToString(), "127.0.0.1");
  EXPECT_EQ(config->port, 8888);
  EXPECT_EQ(config->verdicts, "/var/lib/henb-x2sec/verdicts.json");
  EXPECT_EQ(config->certificate, "/var/lib/henb-x2sec/ocspd.pem");
  EXPECT_EQ(config->key, "/var/lib/henb-x2sec/ocspd.key");
}

TEST(OcspdConfig, TakesWhatIsGiven) {
  const auto config = ReadOcspdConfig(
      "[device]\nstate_dir = \"/s\"\n[ocspd]\nlisten = \"[::1]:99\"\ncertificate = \"/c\"\nkey = \"/k\"\n", "t");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->address.ToString(), "::1");
  EXPECT_EQ(config->port, 99);
  EXPECT_EQ(config->verdicts, "/s/verdicts.json");
  EXPECT_EQ(config->certificate, "/c");
  EXPECT_EQ(config->key, "/k");
}

TEST(OcspdConfig, ListensOnLoopbackOnly) {
  for (const char* listen :
       {"0.0.0.0:8888", "10.0.0.1:8888", "localhost:8888", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:x"}) {
    const auto config = ReadOcspdConfig(std::string("[ocspd]\nlisten = \"") + listen + "\"\n", "x2secd.toml");
    ASSERT_FALSE(config.ok()) << listen;
    EXPECT_THAT(std::string(config.status().message()), testing::HasSubstr("x2secd.toml:2:"));
  }
}

}  // namespace
}  // namespace henb::x2sec::ocspd
