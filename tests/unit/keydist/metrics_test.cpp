// What Prometheus gets from keydist-server: the names of docs/metrics.md, over HTTP, on loopback.
#include "keydist-server/app/metrics.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <set>
#include <sstream>

#include "common/file.h"
#include "common/strings.h"
#include "common/unique_fd.h"
#include "keydist-server/app/metrics_endpoint.h"
#include "tests/unit/keydist/test_server.h"

namespace henb::keydist::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// Everything that can be known.
app::MetricsInputs Inputs() {
  app::MetricsInputs in;
  in.version = "1.2.3";
  in.now = absl::FromUnixSeconds(2'000'000'000);
  in.started = in.now - absl::Hours(1);
  in.health = {{.name = "store"}, {.name = "audit", .ok = false, .detail = "disk full"}};
  in.registered = {.henbs = 7, .pairs = 2, .leases = 5};
  in.keys_issued = 11;
  in.refusals[static_cast<std::size_t>(service::Refusal::kCallerUnknown)] = 3;
  in.over_quota[static_cast<std::size_t>(service::CallQuota::Limit::kWatches)] = 4;
  in.epoch = 42;
  in.epoch_ends = in.now + absl::Minutes(10);
  in.next_epoch_ready = true;
  in.audit.latency.counts[0] = 2;
  in.audit.latency.counts[1] = 1;
  in.audit.latency.counts.back() = 1;
  in.audit.latency.sum = absl::Seconds(7);
  in.server_certificate_ends = in.now - absl::Seconds(5);
  in.first_anchor_ends = in.now + absl::Hours(1);
  return in;
}

TEST(KeydistMetrics, SayWhatTheyAreGiven) {
  const std::string text = app::RenderMetrics(Inputs());
  for (const char* line :
       {"keydist_info{version=\"1.2.3\"} 1\n", "keydist_healthy{subsystem=\"store\"} 1\n",
        "keydist_healthy{subsystem=\"audit\"} 0\n", "keydist_henbs 7\n", "keydist_keys_issued_total 11\n",
        "keydist_refused_total{reason=\"caller_unknown\"} 3\n", "keydist_refused_total{reason=\"unaudited\"} 0\n",
        "keydist_over_quota_total{limit=\"watches\"} 4\n", "keydist_epoch 42\n", "keydist_epoch_ends_seconds 600\n",
        "keydist_next_epoch_ready 1\n", "keydist_audit_seconds_bucket{le=\"0.0005\"} 2\n",
        "keydist_audit_seconds_bucket{le=\"0.001\"} 3\n", "keydist_audit_seconds_bucket{le=\"5\"} 3\n",
        "keydist_audit_seconds_bucket{le=\"+Inf\"} 4\n", "keydist_audit_seconds_sum 7\n",
        "keydist_audit_seconds_count 4\n", "keydist_certificate_expiry_seconds{kind=\"server\"} -5\n",
        "keydist_certificate_expiry_seconds{kind=\"anchor\"} 3600\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  app::MetricsInputs early;
  EXPECT_THAT(app::RenderMetrics(early), Not(HasSubstr("keydist_epoch ")));
}

TEST(KeydistMetrics, AreTheOnesOfTheDocumentation) {
  const std::string page = *common::ReadFile(X2_SOURCE_DIR "/docs/metrics.md");
  std::set<std::string> documented;
  for (std::size_t at = 0; (at = page.find("\n| `keydist_", at)) != std::string::npos; ++at) {
    documented.insert(page.substr(at + 4, page.find('`', at + 4) - at - 4));
  }
  std::set<std::string> told;
  std::istringstream text(app::RenderMetrics(Inputs()));
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("# HELP ")) told.insert(line.substr(7, line.find(' ', 7) - 7));
  }
  EXPECT_EQ(told, documented);
}

TEST(Latency, IsCountedInTheClassThatHoldsIt) {
  common::LatencyHistogram histogram;
  histogram.Note(absl::Microseconds(500));
  histogram.Note(absl::Microseconds(501));
  histogram.Note(absl::Minutes(1));
  const auto seen = histogram.Read();
  EXPECT_EQ(seen.counts[0], 1U);
  EXPECT_EQ(seen.counts[1], 1U);
  EXPECT_EQ(seen.counts.back(), 1U);
  EXPECT_EQ(seen.sum, absl::Minutes(1) + absl::Microseconds(1001));
}

/// Sends `request`, reads until the other side closes; empty when nothing listens.
std::string Ask(int port, const std::string& request) {
  const common::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  const timeval patience{.tv_sec = 20, .tv_usec = 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return "";
  EXPECT_EQ(send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
  std::string answer;
  std::array<char, 65536> buffer;
  for (ssize_t n = 0; (n = recv(fd.get(), buffer.data(), buffer.size(), 0)) > 0;) {
    answer.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return answer;
}

std::string Get(int port, const std::string& path, const std::string& verb = "GET") {
  return Ask(port, common::StrCat(verb, " ", path, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
}

class EndpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server.config.metrics = app::Endpoint{.address = *common::IpAddress::Parse("127.0.0.1"), .port = 0};
    server.Start();
    port = server.program->metrics_port();
    ASSERT_GT(port, 0);
  }
  TestServer server;
  int port = 0;
};

TEST_F(EndpointTest, CountsWhatTheServerDoes) {
  ASSERT_TRUE(server.Client("a.example", server.vendor_one)
                  ->GetPairKeys({Id("b.example"), Id("d.example"), Id("nobody.example")})
                  .ok());
  EXPECT_FALSE(server.Client("stranger.example", server.vendor_one)->GetPairKeys({Id("b.example")}).ok());
  EXPECT_FALSE(server.Client("a.example", server.vendor_one)->GetPairKeys({}).ok());
  const std::string answer = Get(port, "/metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("text/plain; version=0.0.4"));
  for (const char* line :
       {"keydist_keys_issued_total 2\n", "keydist_refused_total{reason=\"peer_not_allowed\"} 1\n",
        "keydist_refused_total{reason=\"caller_unknown\"} 1\n", "keydist_refused_total{reason=\"invalid\"} 1\n",
        "keydist_henbs 3\n", "keydist_healthy{subsystem=\"store\"} 1\n", "keydist_healthy{subsystem=\"audit\"} 1\n",
        "keydist_epoch 1\n", "keydist_audit_waiting 0\n"}) {
    EXPECT_THAT(answer, HasSubstr(line));
  }
  EXPECT_THAT(answer, Not(HasSubstr("keydist_audit_groups_total 0\n")));
  EXPECT_THAT(answer, Not(HasSubstr("a.example"))) << "labels do not grow with the HeNBs";
}

TEST_F(EndpointTest, AnswersNothingElse) {
  EXPECT_THAT(Get(port, "/"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Get(port, "/metrics/../etc/passwd"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Get(port, "/metrics", "POST"), StartsWith("HTTP/1.1 405 "));
  const std::string head = Get(port, "/metrics", "HEAD");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("keydist_info")));
}

TEST_F(EndpointTest, OutlivesNonsense) {
  (void)Ask(port, "\x16\x03\x01 not HTTP at all\r\n\r\n");
  const std::string long_header = Ask(
      port, common::StrCat("GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: ", std::string(100'000, 'x'), "\r\n\r\n"));
  EXPECT_THAT(long_header, Not(HasSubstr("keydist_info")));
  EXPECT_THAT(Ask(port, common::StrCat("POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n"
                                       "Connection: close\r\n\r\n",
                                       std::string(100'000, 'x'))),
              StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(Get(port, "/metrics"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(EndpointTest, APortThatIsTakenIsTriedAgain) {
  const auto address = *common::IpAddress::Parse("127.0.0.1");
  app::MetricsEndpoint second(address, static_cast<std::uint16_t>(port), [] { return "second\n"; });
  second.Tick();
  EXPECT_EQ(second.port(), 0);
  server.Stop();
  EXPECT_TRUE(Eventually([&] {
    second.Tick();
    return second.port() == port;
  }));
  EXPECT_THAT(Get(port, "/metrics"), HasSubstr("second\n"));
}

TEST(EndpointV6, ListensOnLoopbackOfIpv6) {
  app::MetricsEndpoint endpoint(*common::IpAddress::Parse("::1"), 0, [] { return ""; });
  endpoint.Tick();
  EXPECT_GT(endpoint.port(), 0);
}

}  // namespace
}  // namespace henb::keydist::test
