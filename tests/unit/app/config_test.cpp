#include "henb-x2sec/app/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/file.h"
#include "common/strings.h"

namespace henb::x2sec::app {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Protocol = core::ProtectedPort::Protocol;

constexpr std::string_view kLeast = R"([device]
id = "henb-a.example"
[credentials]
vendor_certificate = "/etc/henb-x2sec/vendor.pem"
vendor_key = "/etc/henb-x2sec/vendor.key"
vendor_root = "/etc/henb-x2sec/vendor-root.pem"
operator_root = "/etc/henb-x2sec/operator-root.pem"
)";

absl::StatusOr<Config> Load(std::string_view more) { return LoadConfig(common::StrCat(kLeast, more), "x2secd.toml"); }

TEST(Config, LeastHasTheDocumentedDefaults) {
  const auto config = Load("");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->id.str(), "henb-a.example");
  EXPECT_EQ(config->state_dir, "/var/lib/henb-x2sec");
  EXPECT_EQ(config->run_dir, "/run/henb-x2sec");
  EXPECT_EQ(config->secrets_file, "/run/henb-x2sec/x2.secrets");
  EXPECT_EQ(config->ports, core::X2Ports());
  EXPECT_FALSE(config->transport_mode);
  EXPECT_EQ(config->whack, "/usr/libexec/ipsec/whack");
  EXPECT_EQ(config->pluto_rundir, "/run/pluto");
  EXPECT_EQ(config->nssdb, "/var/lib/ipsec/nss");
  EXPECT_EQ(config->backhaul_reqid, std::nullopt);
  EXPECT_EQ(config->keydist_deadline, absl::Seconds(5));
  EXPECT_EQ(config->reconcile_every, absl::Seconds(15));
  EXPECT_EQ(config->takeover_after, absl::Seconds(10));
  EXPECT_EQ(config->log.program, "x2secd");
}

TEST(Config, R33TheVendorKeyMayBeInAToken) {
  const auto with = [](std::string_view key, std::string_view more) {
    std::string text(kLeast);
    const std::string_view file = "\"/etc/henb-x2sec/vendor.key\"";
    text.replace(text.find(file), file.size(), key);
    return LoadConfig(common::StrCat(text, more), "x2secd.toml");
  };
  const auto config = with("\"pkcs11:token=TRE\"", "[token]\nmodule = \"/usr/lib/tre.so\"\n");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_TRUE(config->token.has_value());
  EXPECT_EQ(config->token->label, "TRE");
  EXPECT_EQ(config->token->module, "/usr/lib/tre.so");
  EXPECT_EQ(config->token->pin_file, "/etc/ipsec.d/nsspassword");
  EXPECT_EQ(config->vendor_key, "");
  EXPECT_FALSE(Load("")->token.has_value());
  const auto other =
      with("\"pkcs11:token=TRE\"", "[token]\nmodule = \"/usr/lib/tre.so\"\npin_file = \"credential:tre-pin\"\n");
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(other->token->pin_file, "credential:tre-pin");
  EXPECT_THAT(with("\"pkcs11:token=TRE\"", "").status().ToString(), HasSubstr("token.module"));
  EXPECT_THAT(with("\"pkcs11:token=TRE\"", "[token]\nmodule = \"tre.so\"\n").status().ToString(),
              HasSubstr("absolute path"));
  EXPECT_THAT(with("\"pkcs11:token=TRE;pin-value=1\"", "[token]\nmodule = \"/t\"\n").status().ToString(),
              HasSubstr("token.pin_file"));
  EXPECT_THAT(Load("[token]\nmodule = \"/t\"\n").status().ToString(), HasSubstr("pkcs11: URI"));
}

TEST(Config, WhatTheKeyServiceIsShown) {
  EXPECT_FALSE(Load("")->keydist_shows_operator);
  EXPECT_TRUE(Load("[keydist]\ncertificate = \"operator\"\n")->keydist_shows_operator);
  EXPECT_THAT(Load("[keydist]\ncertificate = \"both\"\n").status().ToString(), HasSubstr("must be one of"));
}

TEST(Config, EveryKeyIsTaken) {
  const auto config = LoadConfig(R"([device]
id = "henb-a.example"
state_dir = "/s"
run_dir = "/r"
csg_id = 7
access_mode = "hybrid"
[credentials]
vendor_certificate = "/1"
vendor_key = "/2"
vendor_root = "/3"
operator_root = "/4"
operator = "Op 1"
[features]
ipsec = true
cmp = false
keydist = true
[x2]
sctp_ports = [36422, 25471]
udp_ports = []
local_addresses = ["10.9.0.1", "fd09::1"]
mode = "transport"
[pluto]
whack = "/w"
rundir = "/p"
nssdb = "/n"
secrets_file = "/r/s"
[backhaul]
reqid = 100
interface = "wan0"
core_networks = ["10.200.0.0/16", "2001:db8::/32"]
[keydist]
address = "[2001:db8::1]:8443"
server_name = "keydist.example"
deadline = "20s"
[timers]
reconcile = "5s"
takeover = "3s"
[log]
format = "json"
level = "debug"
[metrics]
textfile = "/m.prom"
)",
                                 "x2secd.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->csg_id, 7U);
  EXPECT_EQ(config->access_mode, policy::AccessMode::kHybrid);
  EXPECT_EQ(config->operator_name, "Op 1");
  EXPECT_FALSE(config->with_cmp);
  EXPECT_EQ(config->ports, (std::set<core::ProtectedPort>{{Protocol::kSctp, 36422}, {Protocol::kSctp, 25471}}));
  EXPECT_TRUE(config->transport_mode);
  ASSERT_EQ(config->local_addresses.size(), 2U);
  EXPECT_EQ(config->local_addresses[1].ToString(), "fd09::1");
  EXPECT_EQ(config->secrets_file, "/r/s");
  EXPECT_EQ(config->backhaul_reqid, 100);
  EXPECT_EQ(config->core_networks.size(), 2U);
  EXPECT_EQ(config->keydist_ip.ToString(), "2001:db8::1");
  EXPECT_EQ(config->keydist_port, 8443);
  EXPECT_EQ(config->keydist_deadline, absl::Seconds(20));
  EXPECT_EQ(config->reconcile_every, absl::Seconds(5));
  EXPECT_TRUE(config->log.json);
  EXPECT_EQ(config->log.least, common::LogLevel::kDebug);
  EXPECT_EQ(config->metrics_textfile, "/m.prom");
}

/// A [backhaul.operator] that is right, with `change` instead of the line of the same key.
std::string MovedBackhaul(const std::string& change = "", const std::string& backhaul = "[backhaul]\nreqid = 16001\n") {
  std::string text = backhaul + "[backhaul.operator]\n";
  for (const std::string line : {"connection = \"backhaul\"", "gateway = \"segw.example@10.8.0.254\"",
                                 "local = \"10.200.0.1\"", "network = \"10.100.0.0/16\"", "probe = \"10.100.0.1\""}) {
    const std::string key = line.substr(0, line.find(' '));
    text += (change.starts_with(key + " ") ? change : line) + "\n";
  }
  return change.starts_with("identity") ? text + change + "\n" : text;
}

TEST(Config, R65TheMovedBackhaul) {
  const auto config = Load(MovedBackhaul());
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_TRUE(config->backhaul_move);
  EXPECT_EQ(config->backhaul_move->connection, "backhaul");
  EXPECT_EQ(config->backhaul_move->gateway.identity.str(), "segw.example");
  EXPECT_EQ(config->backhaul_move->network.ToString(), "10.100.0.0/16");
  EXPECT_FALSE(config->backhaul_move->by_subject);
  EXPECT_TRUE(Load(MovedBackhaul("identity = \"subject\""))->backhaul_move->by_subject);
  EXPECT_FALSE(Load("[backhaul]\nreqid = 1\n")->backhaul_move) << "off by default";
  const auto by_keydist = Load(MovedBackhaul("probe = \"10.100.0.9\"") +
                               "[keydist]\naddress = \"10.100.0.1:8443\"\nserver_name = \"k.example\"\n");
  EXPECT_EQ(by_keydist->backhaul_move->probe.ToString(), "10.100.0.9");
}

TEST(Config, R65RefusesAMovedBackhaulThatCannotBe) {
  const auto refused = [](const std::string& text) { return Load(text).status().ToString(); };
  EXPECT_THAT(refused("[backhaul]\nreqid = 1\n[backhaul.operator]\nlocal = \"10.200.0.1\"\n"),
              HasSubstr("backhaul.operator.connection is missing"));
  EXPECT_THAT(refused(MovedBackhaul("connection = \"x2-a\"")), HasSubstr("not one of x2secd's"));
  EXPECT_THAT(refused(MovedBackhaul("connection = \"--shutdown\"")), HasSubstr("backhaul.operator.connection"));
  EXPECT_THAT(refused(MovedBackhaul("gateway = \"segw.example\"")), HasSubstr("must be identity@address"));
  EXPECT_THAT(refused(MovedBackhaul("network = \"10.100.0.1/32\"")), HasSubstr("more than one address"));
  EXPECT_THAT(refused(MovedBackhaul("local = \"10.100.0.9\"")), HasSubstr("must not be in"));
  EXPECT_THAT(refused(MovedBackhaul("probe = \"10.9.0.1\"")), HasSubstr("must hold backhaul.operator.probe"));
  EXPECT_THAT(refused(MovedBackhaul("identity = \"dn\"")), HasSubstr("must be one of"));
  EXPECT_THAT(refused(MovedBackhaul("", "")), HasSubstr("needs backhaul.reqid"));
}

struct Refused {
  std::string_view more;
  std::string_view message;
};

class ConfigRefuses : public ::testing::TestWithParam<Refused> {};

TEST_P(ConfigRefuses, WithThePlace) {
  const auto config = Load(GetParam().more);
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(config.status().message()), HasSubstr(std::string(GetParam().message)));
}

// The keys of kLeast end with line 7.
INSTANTIATE_TEST_SUITE_P(
    Keys, ConfigRefuses,
    ::testing::Values(
        Refused{"[pluto]\nwhak = \"/w\"\n", "x2secd.toml:9:1: unknown key pluto.whak"},
        Refused{"[x2]\nmode = \"both\"\n",
                "x2secd.toml:9:8: x2.mode is \"both\"; must be one of \"tunnel\", \"transport\""},
        Refused{"[x2]\nudp_ports = [0]\n", "x2secd.toml:9:13: x2.udp_ports"},
        Refused{"[x2]\nudp_ports = [2152, 2152]\n", "names 2152 twice"},
        Refused{"[x2]\nlocal_addresses = [\"10.9.0.1/24\"]\n", "x2secd.toml:9:19: x2.local_addresses is refused"},
        Refused{"[x2]\nlocal_addresses = [\"fd09::1\", \"fd09:0::1\"]\n", "names fd09:0::1 twice"},
        Refused{"[x2]\nudp_ports = []\nsctp_ports = []\n", "nothing would be protected"},
        Refused{"[revocation]\nvendor_lists = [\"https://a/b\"]\n", "is not http://HOST"},
        Refused{"[revocation]\nvendor_lists = [\"http:///b\"]\n", "is not http://HOST"},
        Refused{"[revocation]\noperator_ocsp = [\"https://a/b\"]\n", "is not http://HOST"},
        Refused{"[revocation]\nrefresh = \"100ms\"\n", "must be from 1s to 24h"},
        Refused{"[revocation]\nauthorities = \"cas.pem\"\n", "must be an absolute path"},
        Refused{"[ocspd]\nlisten = \"10.0.0.1:8888\"\n", "must be a loopback address"},
        Refused{"[pluto]\nwhack = \"whack\"\n", "x2secd.toml:9:9: pluto.whack must be an absolute path"},
        Refused{"[backhaul]\nreqid = 16380\n", "x2secd.toml:9:9: backhaul.reqid must be from 1 to 16379"},
        Refused{"[backhaul]\nreqid = 1\ncore_networks = [\"10.0.0.1/8\"]\n",
                "x2secd.toml:10:17: backhaul.core_networks"},
        Refused{"[backhaul]\ncore_networks = [\"10.0.0.0/8\"]\n", "needs backhaul.reqid"},
        Refused{"[backhaul]\ninterface = \"an-interface-with-a-long-name\"\n", "longer than an interface name"},
        Refused{"[keydist]\nserver_name = \"k.example\"\naddress = \"2001:db8::1:8443\"\n", "brackets around an IPv6"},
        Refused{"[keydist]\nserver_name = \"k.example\"\naddress = \"[10.0.0.1]:8443\"\n", "brackets around an IPv6"},
        Refused{"[keydist]\nserver_name = \"k.example\"\naddress = \"10.0.0.1:99999\"\n", "which is not a port"},
        Refused{"[keydist]\nserver_name = \"k.example\"\naddress = \"10.0.0.1\"\n", "must be address:port"},
        Refused{"[keydist]\nserver_name = \"k.example\"\naddress = \"keydist:8443\"\n",
                "x2secd.toml:10:11: keydist.address is refused"},
        Refused{"[keydist]\naddress = \"10.0.0.1:8443\"\n", "needs keydist.server_name"},
        Refused{"[keydist]\ndeadline = \"5\"\n", "is not a duration"},
        Refused{"[timers]\nreconcile = \"0s\"\n", "x2secd.toml:9:13: timers.reconcile must be from 1s to 1h"},
        Refused{"[log]\nlevel = \"loud\"\n", "must be one of \"debug\", \"info\", \"warning\", \"alarm\""},
        Refused{"[features]\ncmp = \"yes\"\n", "x2secd.toml:9:7: features.cmp must be true or false"}));

TEST(Config, RefusesWhatIsMissingOrMalformed) {
  EXPECT_THAT(LoadConfig("", "f").status().ToString(), HasSubstr("device.id is missing"));
  EXPECT_THAT(LoadConfig("[device]\nid = \"HENB.example\"\n", "f").status().ToString(),
              HasSubstr("f:2:6: device.id is refused"));
  EXPECT_THAT(LoadConfig("[device]\nid = \"a.example\"\n", "f").status().ToString(),
              HasSubstr("credentials.vendor_certificate is missing"));
  EXPECT_THAT(LoadConfig("[device\n", "f").status().ToString(), HasSubstr("f:1:"));
}

constexpr char kDotted[] = R"(device.id = "henb-a.example"
credentials.vendor_certificate = "/1"
credentials.vendor_key = "/2"
credentials.vendor_root = "/3"
)";

TEST(Config, EveryKeyOfTheDocumentationIsKnown) {
  const std::string page = *common::ReadFile(X2_SOURCE_DIR "/docs/configuration.md");
  const std::size_t begin = page.find("## x2secd");
  const std::string table = page.substr(begin, page.find("\n## ", begin + 1) - begin);
  int keys = 0;
  for (const std::string_view line : common::Split(table, '\n')) {
    if (!line.starts_with("| `")) continue;
    const std::string_view cell = line.substr(0, line.find(" | ", 2));
    for (std::size_t at = cell.find('`'); at != std::string_view::npos; at = cell.find('`', at)) {
      const std::size_t end = cell.find('`', at + 1);
      const std::string_view key = cell.substr(at + 1, end - at - 1);
      at = end + 1;
      ++keys;
      if (std::string_view(kDotted).find(key) != std::string_view::npos) continue;
      // No key takes a table of its own: one that is known is refused for its type, another as unknown.
      const auto config = LoadConfig(common::StrCat(kDotted, key, " = { odd = 1 }\n"), "f");
      EXPECT_THAT(std::string(config.status().message()), AllOf(HasSubstr("f:5:"), Not(HasSubstr("unknown")))) << key;
    }
  }
  EXPECT_GE(keys, 30);
}

TEST(Config, R3SwitchesOffWhatTheBuildLeftOut) {
  const auto config = Load("[features]\nipsec = true\ncmp = true\nkeydist = true\n");
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->with_ipsec, X2SEC_WITH_IPSEC != 0);
  EXPECT_EQ(config->with_cmp, X2SEC_WITH_CMP != 0);
  EXPECT_EQ(config->with_keydist, X2SEC_WITH_KEYDIST != 0);
  const auto off = Load("[features]\nipsec = false\ncmp = false\nkeydist = false\n");
  ASSERT_TRUE(off.ok());
  EXPECT_FALSE(off->with_ipsec || off->with_cmp || off->with_keydist);
}

}  // namespace
}  // namespace henb::x2sec::app
