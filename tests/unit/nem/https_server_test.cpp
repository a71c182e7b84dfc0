// What the server does with those who are no devices, or slow ones.
#include "henb-x2sec/nem/https_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <thread>

#include "common/unique_fd.h"
#include "henb-x2sec/enrol/https_exchange.h"
#include "tests/support/test_pki.h"

namespace henb::tests {
namespace {

using x2sec::enrol::HttpsExchange;
using x2sec::nem::HttpAnswer;
using x2sec::nem::HttpCall;
using x2sec::nem::HttpsServer;

class NemHttps : public ::testing::Test {
 protected:
  ~NemHttps() override {
    const std::uint64_t one = 1;
    EXPECT_EQ(write(stop.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
    if (thread.joinable()) thread.join();
  }
  void Start(int connections = 16, absl::Duration life = absl::Seconds(60)) {
    server = HttpsServer::Listen({.address = common::IpAddress::Parse("127.0.0.1").value(),
                                  .chain = {server_credential.certificate},
                                  .key = server_credential.key,
                                  .device_roots = {vendor.certificate()},
                                  .most_connections = connections,
                                  .longest_life = life},
                                 [this](const HttpCall& call) {
                                   ++calls;
                                   return HttpAnswer{.body = call.device.Identity().value().str() + " " + call.body};
                                 })
                 .value();
    server->WatchReadable(stop.get(), [this] { server->Stop(); });
    thread = std::thread([this] { server->Run(); });
  }
  [[nodiscard]] std::string Url() const { return "https://localhost:" + std::to_string(server->port()) + "/x"; }
  [[nodiscard]] HttpsExchange::Settings ClientOf(const TestAuthority& by) const {
    const TestCredential credential = by.IssueHenb("henb-a.example");
    return {.server_roots = {operator_root.certificate()}, .chain = {credential.certificate}, .key = credential.key};
  }
  [[nodiscard]] common::UniqueFd Connect() const {
    common::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(server->port());
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    const timeval patience{20, 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
  }

  TestAuthority vendor = TestAuthority::Root("/O=Vendor 1/CN=Root");
  TestAuthority operator_root = TestAuthority::Root("/O=Operator 1/CN=Root");
  TestCredential server_credential = operator_root.Issue({.subject = "/CN=nem", .dns_names = {"localhost"}});
  common::UniqueFd stop{eventfd(0, EFD_CLOEXEC)};
  std::atomic<int> calls{0};
  std::unique_ptr<HttpsServer> server;
  std::thread thread;
};

TEST_F(NemHttps, ADeviceIsKnownByItsCertificate) {
  Start();
  HttpsExchange device(ClientOf(vendor));
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(device.Exchange(Url(), "text/plain", "hello").value().body, "henb-a.example hello");
  EXPECT_EQ(device.Exchange(Url(), "", "").value().body, "henb-a.example ");
}

TEST_F(NemHttps, NobodyElseIsReadAsHttp) {
  Start();
  HttpsExchange other(ClientOf(TestAuthority::Root("/O=Vendor 1/CN=Root")));
  EXPECT_EQ(other.Exchange(Url(), "text/plain", "hello").status().code(), absl::StatusCode::kUnavailable);
  const common::UniqueFd clear = Connect();
  const std::string_view request = "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n";
  ASSERT_EQ(send(clear.get(), request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
  char buffer[256];
  while (recv(clear.get(), buffer, sizeof buffer, 0) > 0) {
  }
  EXPECT_EQ(calls, 0);
}

TEST_F(NemHttps, AConnectionHasAnEndWhateverItDoes) {
  Start(16, absl::Milliseconds(300));
  const common::UniqueFd silent = Connect();
  char octet = 0;
  EXPECT_EQ(recv(silent.get(), &octet, 1, 0), 0) << "closed by the server";
}

TEST_F(NemHttps, ConnectionsAboveTheLimitWaitAndThenHaveTheirTurn) {
  Start(2, absl::Milliseconds(500));
  const common::UniqueFd first = Connect();
  const common::UniqueFd second = Connect();
  HttpsExchange device(ClientOf(vendor));
  const auto reply = device.Exchange(Url(), "text/plain", "hello");
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->body, "henb-a.example hello");
}

TEST_F(NemHttps, AServerOfAnotherNameOrRootIsNotTalkedTo) {
  Start();
  HttpsExchange by_address(ClientOf(vendor));
  const auto name =
      by_address.Exchange("https://127.0.0.1:" + std::to_string(server->port()) + "/x", "text/plain", "x");
  EXPECT_THAT(std::string(name.status().message()), ::testing::StartsWith("nem.untrusted_server: "));
  HttpsExchange::Settings settings = ClientOf(vendor);
  settings.server_roots = {vendor.certificate()};
  HttpsExchange other_root(settings);
  const auto root = other_root.Exchange(Url(), "text/plain", "x");
  EXPECT_THAT(std::string(root.status().message()), ::testing::StartsWith("nem.untrusted_server: "));
  EXPECT_EQ(calls, 0);
}

TEST_F(NemHttps, OnlyHttpsIsSpoken) {
  Start();
  HttpsExchange device(ClientOf(vendor));
  for (const char* url : {"http://localhost:1/", "ftp://localhost/", "file:///etc/passwd"})
    EXPECT_EQ(device.Exchange(url, "text/plain", "x").status().code(), absl::StatusCode::kInvalidArgument) << url;
}

}  // namespace
}  // namespace henb::tests
