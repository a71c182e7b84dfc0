// What an operator can get wrong in keydist-server.toml and the files it names, each with its message.
#include "keydist-server/app/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/strings.h"
#include "keydist-server/app/credentials.h"
#include "keydist-server/app/keks.h"
#include "keydist-server/app/port_guard.h"
#include "tests/unit/keydist/test_server.h"

namespace henb::keydist::test {
namespace {

constexpr char kGood[] = R"([network]
listen = "10.100.0.1:8443"
[tls]
certificate = "c.pem"
key = "k.pem"
anchors = ["r.pem"]
)";

std::string With(const std::string& more) { return kGood + more; }
std::string Error(const std::string& text) {
  const auto config = app::ParseConfig(text, "k.toml");
  return config.ok() ? "good" : std::string(config.status().message());
}

TEST(Config, TheLeastThatWorks) {
  const auto config = app::ParseConfig(kGood, "k.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->ListenText(), "10.100.0.1:8443");
  EXPECT_EQ(config->placement, app::Placement::kColocated);
  EXPECT_TRUE(config->kernel_guard);
  EXPECT_FALSE(config->reflection);
  EXPECT_EQ(config->audit_path, "/var/lib/keydist-server/audit.jsonl");
  EXPECT_EQ(config->audit_heads_path, "/var/lib/keydist-server/audit-heads.jsonl");
  EXPECT_EQ(config->audit_heads_key, "/var/lib/keydist-server/audit-heads.key");
  EXPECT_EQ(config->audit_heads_every, absl::Minutes(1));
  EXPECT_EQ(config->service.schedule.length, absl::Hours(24));
  ASSERT_TRUE(config->metrics.has_value());
  EXPECT_EQ(config->metrics->address.ToString(), "127.0.0.1");
  EXPECT_EQ(config->metrics->port, 9464);
}

TEST(Config, ShortEpochsKeepTheirProportions) {
  const auto config = app::ParseConfig(With("[keys]\nepoch_length = \"60s\"\n"), "k.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->service.schedule.grace, absl::Seconds(5));
  EXPECT_EQ(config->service.schedule.prefetch, absl::Seconds(15));
}

TEST(Config, ErrorsNameThePlace) {
  using ::testing::HasSubstr;
  EXPECT_THAT(Error(With("[keys]\nepoch = \"1h\"\n")), HasSubstr("k.toml:8:"));
  EXPECT_THAT(Error("[network]\nlisten = \"0.0.0.0:8443\"\n"), HasSubstr("explicit address"));
  EXPECT_THAT(Error("[network]\nlisten = \"[::]:8443\"\n"), HasSubstr("explicit address"));
  EXPECT_THAT(Error("[network]\nlisten = \"gateway:8443\"\n"), HasSubstr("k.toml:2:"));
  EXPECT_THAT(Error("[network]\nlisten = \"10.0.0.1\"\n"), HasSubstr("address and port"));
  EXPECT_THAT(Error("[network]\nlisten = \"10.0.0.1:0\"\n"), HasSubstr("address and port"));
  EXPECT_THAT(Error(With("[log]\nlevel = \"loud\"\n")), HasSubstr("log"));
  EXPECT_THAT(Error(With("[keys]\nepoch_length = \"1h\"\ngrace = \"1h\"\n")), HasSubstr("not shorter than the epoch"));
  EXPECT_THAT(Error(With("[service]\nlease = \"1s\"\n")), HasSubstr("between 5s and 24h"));
  EXPECT_THAT(Error(With("[audit]\nheads_every = \"0s\"\n")), HasSubstr("shorter than 1s"));
  EXPECT_THAT(Error(With("[audit]\nkeep = \"720h\"\n")), HasSubstr("audit.exported need each other"));
  EXPECT_THAT(Error(With("[audit]\nexported = \"x\"\n")), HasSubstr("need each other"));
  EXPECT_EQ(Error(With("[audit]\nkeep = \"720h\"\nexported = \"x\"\n")), "good");
  EXPECT_THAT(Error(With("[audit]\nroll_every = \"1s\"\n")), HasSubstr("shorter than 1m"));
  EXPECT_THAT(Error(With("[audit]\nreplica = \"gw 1\"\n")), HasSubstr("audit.replica"));
  for (const char* bad : {"10.0.0.1:9464", "[2001:db8::1]:9464", "127.0.0.1", "localhost:9464", "127.0.0.1:0", ""}) {
    EXPECT_THAT(Error(With(common::StrCat("[metrics]\nlisten = \"", bad, "\"\n"))), HasSubstr("metrics.listen")) << bad;
  }
  EXPECT_EQ(Error(With("[metrics]\nlisten = \"[::1]:9464\"\n")), "good");
  EXPECT_EQ(Error(With("[metrics]\nlisten = \"off\"\n")), "good");
  EXPECT_NE(Error("[network]\nlisten = \"10.0.0.1:1\"\n"), "good");
  EXPECT_THAT(Error(R"([network]
listen = "10.0.0.1:1"
placement = "behind_segw"
)"),
              HasSubstr("inner_pool"));
  EXPECT_THAT(Error(R"([network]
listen = "10.0.0.1:1"
placement = "behind_segw"
inner_pool = ["10.0.0.1/8"]
)"),
              HasSubstr("10.0.0.1/8"));
}

constexpr char kEtcd[] = R"([store]
backend = "etcd"
[store.etcd]
endpoints = ["etcd-1.example:2379", "[2001:db8::2]:2379"]
ca = "ca.pem"
certificate = "e.pem"
key = "e.key"
)";

TEST(Config, AnEtcdAndItsDefaults) {
  const auto config = app::ParseConfig(With(kEtcd), "k.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->backend, app::StoreBackend::kEtcd);
  EXPECT_EQ(config->etcd.endpoints[1], "[2001:db8::2]:2379");
  EXPECT_EQ(config->etcd.prefix, "keydist/");
  EXPECT_EQ(config->etcd.deadline, absl::Seconds(2));
  EXPECT_EQ(config->etcd.silence, absl::Seconds(10));
  EXPECT_EQ(app::ParseConfig(kGood, "k.toml")->backend, app::StoreBackend::kSqlite);
}

TEST(Config, ErrorsAboutTheStoreNameThePlace) {
  using ::testing::HasSubstr;
  EXPECT_THAT(Error(With("[store]\nbackend = \"postgres\"\n")), HasSubstr("k.toml:8:11: store.backend neither"));
  EXPECT_THAT(Error(With("[store]\nbackend = \"etcd\"\n")), HasSubstr("store.etcd.endpoints is missing"));
  EXPECT_THAT(Error(With("[store.etcd]\nendpoints = [\"e:1\"]\n")), HasSubstr("store.etcd.ca is missing"));
  EXPECT_THAT(Error(With(std::string(kEtcd) + "peers = 3\n")), HasSubstr("k.toml:14:"));
  for (const char* endpoint : {"https://e.example:2379", "e.example", "e.example:0", "2001:db8::2:2379", ":2379"}) {
    EXPECT_THAT(Error(With(common::StrCat("[store]\nbackend=\"etcd\"\netcd.endpoints=[\"", endpoint, "\"]\n"))),
                ::testing::AllOf(HasSubstr("k.toml:9:"), HasSubstr("is not a host and port")))
        << endpoint;
  }
  for (const char* prefix : {"", "/", "keydist", "key dist/"}) {
    EXPECT_THAT(Error(With(common::StrCat(kEtcd, "prefix = \"", prefix, "\"\n"))), HasSubstr("k.toml:14:")) << prefix;
  }
  EXPECT_THAT(Error(With(std::string(kEtcd) + "deadline = \"1ms\"\n")), HasSubstr("not between 100ms and 30s"));
  EXPECT_THAT(Error(With(std::string(kEtcd) + "silence = \"3s\"\n")), HasSubstr("twice store.etcd.deadline"));
}

TEST(Config, AKekMayLieInATokenAndEarlierOnesBeAtHand) {
  using ::testing::HasSubstr;
  const std::string uri = "pkcs11:token=t;object=k?module-path=/m.so&pin-source=credential:pin";
  const auto config = app::ParseConfig(
      With(common::StrCat("[keys]\nkek = \"", uri, "\"\nprevious_keks = [\"credential:kek\", \"/old\"]\n")), "k.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  app::Config resolved = *config;
  ASSERT_TRUE(app::ResolveCredentials("/run/credentials/x", &resolved).ok());
  EXPECT_EQ(resolved.kek, "pkcs11:token=t;object=k?module-path=/m.so&pin-source=/run/credentials/x/pin");
  EXPECT_THAT(resolved.previous_keks, ::testing::ElementsAre("/run/credentials/x/kek", "/old"));
  EXPECT_EQ(app::ParseConfig(With("[keys]\nkek_file = \"/k\"\n"), "k.toml")->kek, "/k") << "its older name";
  EXPECT_THAT(Error(With("[keys]\nkek = \"/a\"\nkek_file = \"/b\"\n")), HasSubstr("is keys.kek, which is there too"));
  EXPECT_THAT(Error(With("[keys]\nkek = \"pkcs11:token=t\"\n")), HasSubstr("PKCS #11 URI"));
  EXPECT_THAT(Error(With("[keys]\nprevious_keks = [\"pkcs11:object=k?pin-value=1\"]\n")), HasSubstr("pin-value"));
}

TEST(Config, EveryKeyOfTheDocumentationIsKnown) {
  const std::string page = *common::ReadFile(X2_SOURCE_DIR "/docs/configuration.md");
  const std::size_t begin = page.find("## keydist-server");
  ASSERT_NE(begin, std::string::npos);
  const std::string table = page.substr(begin, page.find("\n## ", begin + 1) - begin);
  const std::string dotted = R"(network.listen = "10.100.0.1:8443"
tls.certificate = "c.pem"
tls.key = "k.pem"
tls.anchors = ["r.pem"]
)";
  int keys = 0;
  for (const std::string_view line : common::Split(table, '\n')) {
    if (!line.starts_with("| `")) continue;
    const std::string_view cell = line.substr(0, line.find(" | ", 2));
    for (std::size_t at = cell.find('`'); at != std::string_view::npos; at = cell.find('`', at)) {
      const std::size_t end = cell.find('`', at + 1);
      const std::string key(cell.substr(at + 1, end - at - 1));
      at = end + 1;
      ++keys;
      if (dotted.find(key) != std::string::npos) continue;
      // No key takes a table of its own: one that is known is refused for its type, another as unknown.
      EXPECT_THAT(Error(common::StrCat(dotted, key, " = { odd = 1 }\n")),
                  ::testing::AllOf(::testing::HasSubstr("k.toml:5:"), ::testing::Not(::testing::HasSubstr("unknown"))))
          << key;
    }
  }
  EXPECT_GE(keys, 20);
}

absl::StatusOr<domain::RootSealer> LoadKek(const std::string& place) {
  app::Config config;
  config.kek = place;
  return app::LoadKeks(config);
}

TEST(Files, SecretsThatOthersCanReadAreRefused) {
  const TemporaryFolder folder;
  EXPECT_FALSE(LoadKek(folder.Write("kek", std::string(32, 'k'), 0644)).ok());
  EXPECT_TRUE(LoadKek(folder.Write("kek2", std::string(32, 'k'), 0600)).ok());
  EXPECT_TRUE(LoadKek(folder.Write("kek3", std::string(64, 'A') + "\n", 0400)).ok());
  for (const std::size_t size : {0U, 31U, 33U, 66U}) {
    EXPECT_EQ(LoadKek(folder.Write("bad", std::string(size, 'k'))).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(LoadKek(folder.Write("bad", std::string(64, 'x'))).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(LoadKek(folder.path() + "/none").ok());
}

TEST(Files, R51TheHeadsKeyIsMadeOnceAndItsPublicHalfStandsBesideIt) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/heads.key";
  const auto made = app::LoadOrMakeHeadsKey(path);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(*common::ReadFile(path + ".pub"), *made->PublicPem());
  ASSERT_EQ(unlink((path + ".pub").c_str()), 0);
  const auto again = app::LoadOrMakeHeadsKey(path);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again->PublicPem(), *made->PublicPem());
  EXPECT_EQ(*common::ReadFile(path + ".pub"), *made->PublicPem());
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  EXPECT_FALSE(app::LoadOrMakeHeadsKey(path).ok()) << "others can read it";
  EXPECT_FALSE(app::LoadOrMakeHeadsKey(folder.Write("bad.key", "no key")).ok());
}

TEST(Files, TheKekMayBeACredentialOfTheServiceManager) {
  const TemporaryFolder folder;
  app::Config config = *app::ParseConfig(kGood, "k.toml");
  ASSERT_TRUE(app::ResolveCredentials(nullptr, &config).ok());
  EXPECT_EQ(config.kek, "/etc/keydist-server/kek");
  config.kek.clear();
  ASSERT_TRUE(app::ResolveCredentials(folder.path().c_str(), &config).ok());
  EXPECT_EQ(config.kek, "/etc/keydist-server/kek") << "no credential of that name was given";
  const std::string kek = folder.Write("kek", std::string(32, 'k'), 0440);  // As systemd's look to stat(2).
  config.kek.clear();
  ASSERT_TRUE(app::ResolveCredentials(folder.path().c_str(), &config).ok());
  EXPECT_EQ(config.kek, kek);
  EXPECT_FALSE(LoadKek(kek).ok());
  setenv("CREDENTIALS_DIRECTORY", folder.path().c_str(), 1);
  EXPECT_TRUE(LoadKek(kek).ok());
  unsetenv("CREDENTIALS_DIRECTORY");
  config.key = "credential:tls-key";
  EXPECT_FALSE(app::ResolveCredentials(nullptr, &config).ok());
  ASSERT_TRUE(app::ResolveCredentials("/run/credentials/x", &config).ok());
  EXPECT_EQ(config.key, "/run/credentials/x/tls-key");
  for (const char* bad : {"credential:", "credential:../kek", "credential:a/b"}) {
    config.kek = bad;
    EXPECT_FALSE(app::ResolveCredentials("/run/credentials/x", &config).ok()) << bad;
  }
}

TEST(Files, AKekIsNeverOverwritten) {
  const TemporaryFolder folder;
  common::SystemRandom random;
  const std::string path = folder.path() + "/kek";
  ASSERT_TRUE(app::MakeKek(path, random).ok());
  ASSERT_TRUE(LoadKek(path).ok());
  EXPECT_EQ(app::MakeKek(path, random).code(), absl::StatusCode::kAlreadyExists);
}

TEST(Files, KeyAndCertificateMustBelongTogether) {
  TestServer server;
  EXPECT_TRUE(app::LoadTls(server.config).ok());
  server.config.key = server.folder.Write("other.key", server.vendor_one.Issue("x.example").key_pem);
  EXPECT_THAT(std::string(app::LoadTls(server.config).status().message()), ::testing::HasSubstr("is not the key of"));
  server.config.key = server.folder.Write("broken.key", "not a key");
  EXPECT_EQ(app::LoadTls(server.config).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Files, AnotherKekDoesNotStart) {
  TestServer server;
  server.Start();
  server.Stop();
  server.config.kek = server.folder.Write("other", std::string(32, 'o'));
  const auto started = app::Program::Start(server.config, server.clock, server.random, server.runner);
  EXPECT_THAT(std::string(started.status().message()), ::testing::HasSubstr("sealed under the KEK"));
}

TEST(PortGuard, R43DropsThePortOutsideIpsecOnly) {
  app::Config config;
  config.listen_port = 9443;
  const std::string ruleset = app::PortGuardRuleset(config);
  EXPECT_THAT(ruleset,
              ::testing::HasSubstr("tcp dport 9443 jump port\n  }\n  chain port {\n    meta ipsec missing counter "
                                   "name outside_ipsec drop\n"));
  EXPECT_THAT(ruleset, ::testing::StartsWith("table inet keydist\ndelete table inet keydist\n"));
}

TEST(PortGuard, R50AnAddressMakesTwoConnectionsASecond) {
  const auto has = [](const app::Config& config, const std::string& rule) {
    for (const char* saddr : {"ip saddr", "ip6 saddr"}) {
      EXPECT_THAT(app::PortGuardRuleset(config),
                  ::testing::HasSubstr(common::StrCat("{ ", saddr, " limit rate over ", rule,
                                                      " packets } counter name too_many_new drop\n")));
    }
  };
  has({}, "2/second burst 20");
  app::Config more;
  more.new_connections_per_second = 50;
  has(more, "50/second burst 500");
}

TEST(Config, R50AsManyConnectionsAsTheMemoryHolds) {
  app::Config config;
  EXPECT_EQ(config.Connections().total, 16'777);
  config.memory_mib = 64;
  EXPECT_EQ(config.Connections().total, 524);
  config.connections = 7;
  EXPECT_EQ(config.Connections().total, 7);
}

}  // namespace
}  // namespace henb::keydist::test
