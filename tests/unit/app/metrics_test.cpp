#include "henb-x2sec/app/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <set>
#include <sstream>

#include "common/file.h"
#include "tests/support/temp_directory.h"

namespace henb::x2sec::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

MetricsInputs Inputs() {
  MetricsInputs in;
  in.now = absl::FromUnixSeconds(2'000'000'000);
  control::LinkView up;
  up.neighbour = "b.example";
  up.state = "UP_PSK";
  up.decision = "PSK";
  up.epoch = 42;
  up.since = in.now - absl::Seconds(90);
  up.esp = control::EspView{.spi_in = 1, .spi_out = 2, .bytes_in = 300, .bytes_out = 400, .suite = "x"};
  control::LinkView blocked;
  blocked.neighbour = "f.example";
  blocked.state = "BLOCKED";
  blocked.decision = "BLOCK";
  in.links = {up, blocked};
  in.guard = core::GuardCounters{.dropped_out = 5, .dropped_in = 6};
  control::CredentialView vendor;
  vendor.kind = "VENDOR";
  vendor.serial = "0a";
  vendor.not_before = in.now - absl::Hours(3);
  vendor.not_after = in.now + absl::Hours(1);
  in.credentials = {vendor};
  in.policy_version = 12;
  in.policy_not_after = in.now - absl::Seconds(1);
  in.key_changes = {.succeeded = 3, .failed = 1};
  in.pluto_up = true;
  in.clock_sane = false;
  in.revocation = {{.subject = "CN=R",
                    .fresh_until = in.now - absl::Seconds(5),
                    .good_until = in.now + absl::Seconds(60),
                    .revoked = 4}};
  return in;
}

TEST(Metrics, SaysWhatItIsGiven) {
  const std::string text = RenderMetrics(Inputs());
  for (const char* line : {"x2sec_links{state=\"UP_PSK\"} 1\n",
                           "x2sec_links{state=\"FAILED\"} 0\n",
                           "x2sec_link_up{neighbour=\"b.example\",state=\"UP_PSK\",decision=\"PSK\"} 1\n",
                           "x2sec_link_up{neighbour=\"f.example\",state=\"BLOCKED\",decision=\"BLOCK\"} 0\n",
                           "x2sec_link_state_seconds{neighbour=\"b.example\"} 90\n",
                           "x2sec_link_sa_bytes{neighbour=\"b.example\",direction=\"in\"} 300\n",
                           "x2sec_link_key_epoch{neighbour=\"b.example\"} 42\n",
                           "x2sec_guard_dropped_packets_total{direction=\"in\"} 6\n",
                           "x2sec_guard_dropped_packets_total{direction=\"out\"} 5\n",
                           "x2sec_certificate_expiry_seconds{kind=\"VENDOR\",serial=\"0a\"} 3600\n",
                           "x2sec_certificate_expiring{kind=\"VENDOR\",serial=\"0a\"} 0\n",
                           "x2sec_superseded_keys 0\n",
                           "x2sec_policy_version 12\n",
                           "x2sec_policy_expiry_seconds -1\n",
                           "x2sec_key_changes_total{result=\"succeeded\"} 3\n",
                           "x2sec_key_changes_total{result=\"failed\"} 1\n",
                           "x2sec_pluto_up 1\n",
                           "x2sec_clock_sane 0\n",
                           "x2sec_revocation_news_expiry_seconds{issuer=\"CN=R\"} -5\n",
                           "x2sec_revocation_grace_left_seconds{issuer=\"CN=R\"} 60\n",
                           "x2sec_revocation_revoked_certificates{issuer=\"CN=R\"} 4\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("x2sec_backhaul_up")));
}

TEST(Metrics, EveryFamilyIsDescribedOnceAndItsSamplesFollow) {
  std::istringstream text(RenderMetrics(Inputs()));
  std::set<std::string> seen;
  std::string family;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("# HELP ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(seen.insert(family).second) << family;
    } else if (!line.starts_with("#")) {
      EXPECT_EQ(line.substr(0, line.find_first_of("{ ")), family);
    }
  }
  EXPECT_GE(seen.size(), 10U);
}

TEST(Metrics, EveryFamilyIsInTheDocumentation) {
  MetricsInputs in = Inputs();
  in.enrolment = control::EnrolmentView{};
  in.backhaul_up = true;
  const std::string page = *common::ReadFile(X2_SOURCE_DIR "/docs/metrics.md");
  std::istringstream text(RenderMetrics(in));
  int families = 0;
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("# HELP ")) continue;
    ++families;
    EXPECT_THAT(page, HasSubstr("| `" + line.substr(7, line.find(' ', 7) - 7) + "` |"));
  }
  std::size_t rows = 0;
  for (std::size_t at = 0; (at = page.find("\n| `x2sec_", at)) != std::string::npos; ++at) ++rows;
  EXPECT_EQ(rows, static_cast<std::size_t>(families));
}

TEST(Metrics, R32TellsThatACertificateNearsItsEnd) {
  MetricsInputs in = Inputs();
  in.now += absl::Minutes(13);
  EXPECT_THAT(RenderMetrics(in), HasSubstr("x2sec_certificate_expiring{kind=\"VENDOR\",serial=\"0a\"} 1\n"));
}

TEST(Metrics, EscapesLabels) {
  MetricsInputs in = Inputs();
  in.links[0].neighbour = "a\"b\\c\nd";
  EXPECT_THAT(RenderMetrics(in), HasSubstr("neighbour=\"a\\\"b\\\\c\\nd\""));
}

TEST(Metrics, TheFileCanBeReadByTheExporter) {
  const tests::TempDirectory directory;
  const std::string path = directory.File("x2sec.prom");
  ASSERT_TRUE(WriteMetricsFile(path, "x 1\n").ok());
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0644U);
  EXPECT_EQ(*common::ReadFile(path), "x 1\n");
}

}  // namespace
}  // namespace henb::x2sec::app
