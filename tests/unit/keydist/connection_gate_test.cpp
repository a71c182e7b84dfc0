// The listening socket of a whole server: who is let in, and what an end makes room for.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include "common/unique_fd.h"
#include "tests/unit/keydist/test_server.h"

namespace henb::keydist::test {
namespace {

/// A TCP connection from `from` to the server that says nothing.
common::UniqueFd Silent(int port, const char* from) {
  common::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}, .sin_zero = {}};
  inet_pton(AF_INET, from, &address.sin_addr);
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return fd;
}

/// The server has ended it, within `wait`.
bool Ended(const common::UniqueFd& fd, absl::Duration wait) {
  pollfd ended{.fd = fd.get(), .events = POLLIN | POLLRDHUP, .revents = 0};
  return poll(&ended, 1, static_cast<int>(absl::ToInt64Milliseconds(wait))) == 1;
}

class ConnectionGateTest : public ::testing::Test {
 protected:
  void Start() {
    server.Start();
    port = server.program->port();
  }
  /// Of "connections" in the status.
  std::string Health() const {
    std::string status;
    EXPECT_EQ(server.Ctl({"--json", "status"}, &status), 0);
    const std::size_t at = status.find("\"connections\"");
    return at == std::string::npos ? status : status.substr(at > 200 ? at - 200 : 0, 600);
  }
  TestServer server;
  int port = 0;
};

TEST_F(ConnectionGateTest, R50OneAddressHoldsSoManyAndAnotherIsServed) {
  server.config.connections_per_address = 3;
  Start();
  std::vector<common::UniqueFd> held;
  for (int i = 0; i < 3; ++i) held.push_back(Silent(port, "127.0.0.2"));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Ended(Silent(port, "127.0.0.2"), absl::Seconds(10))) << i;
  for (const auto& one : held) EXPECT_FALSE(Ended(one, absl::ZeroDuration()));
  const auto a = server.Client("a.example", server.vendor_one);
  EXPECT_TRUE(a->GetPairKeys({Id("b.example")}).ok()) << "from 127.0.0.1";
  EXPECT_TRUE(Eventually([&] {
    server.program->Tick();
    return Health().find("refused in the last minute: address 5") != std::string::npos;
  })) << Health();
}

TEST_F(ConnectionGateTest, R50WhatHasEndedMakesRoom) {
  server.config.connections_per_address = 1;
  Start();
  common::UniqueFd held = Silent(port, "127.0.0.2");
  EXPECT_TRUE(Ended(Silent(port, "127.0.0.2"), absl::Seconds(10)));
  held.reset();
  EXPECT_TRUE(Eventually([&] {
    held = Silent(port, "127.0.0.2");
    return !Ended(held, absl::Milliseconds(300));
  }));
}

TEST_F(ConnectionGateTest, R50NewOnesOfAnAddressComeNoFasterThanTheyMay) {
  server.config.new_connections_per_second = 1;
  Start();
  int refused = 0;
  for (int i = 0; i < 40; ++i) refused += Ended(Silent(port, "127.0.0.2"), absl::Milliseconds(20)) ? 1 : 0;
  EXPECT_GE(refused, 20) << "ten at once, then one a second";
  EXPECT_LE(refused, 30);
}

TEST_F(ConnectionGateTest, R50OverTheTotalTheHealthSaysSo) {
  server.config.connections = 2;
  Start();
  const common::UniqueFd one = Silent(port, "127.0.0.2");
  const common::UniqueFd two = Silent(port, "127.0.0.3");
  EXPECT_TRUE(Ended(Silent(port, "127.0.0.4"), absl::Seconds(10)));
  EXPECT_TRUE(Eventually([&] {
    server.program->Tick();
    return Health().find("refused in the last minute: total 1") != std::string::npos;
  })) << Health();
}

TEST_F(ConnectionGateTest, AStoppedServerListensNoMore) {
  Start();
  server.program->Drain(absl::ZeroDuration());
  const common::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{
      .sin_family = AF_INET, .sin_port = htons(static_cast<std::uint16_t>(port)), .sin_addr = {}, .sin_zero = {}};
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  EXPECT_NE(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
}

TEST_F(ConnectionGateTest, APortThatIsTakenStopsTheStart) {
  Start();
  app::Config second = server.config;
  second.listen_port = static_cast<std::uint16_t>(port);
  second.state_dir = server.folder.path() + "/second";
  second.run_dir = server.folder.path() + "/run2";
  second.audit_path = second.state_dir + "/audit.jsonl";
  second.audit_heads_path = second.state_dir + "/heads.jsonl";
  second.audit_heads_key = second.state_dir + "/heads.key";
  const auto started = app::Program::Start(second, server.clock, server.random, server.runner);
  EXPECT_EQ(started.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(started.status().message()), ::testing::HasSubstr(std::to_string(port)));
}

}  // namespace
}  // namespace henb::keydist::test
