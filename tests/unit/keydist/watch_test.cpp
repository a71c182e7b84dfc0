// The event stream, end to end.
#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>

#include "tests/unit/keydist/test_server.h"

namespace henb::keydist::test {
namespace {

using Event = x2sec::core::KeyServiceEvent;

class WatchTest : public ::testing::Test {
 protected:
  void SetUp() override { server.Start(); }
  /// Starts the watch and waits until it stands: the first event says that everything is to be asked for.
  void Watch(x2sec::keydist_client::KeyServiceClient& client) {
    client.StartWatch([this](const Event& event) {
      const std::lock_guard lock(mutex);
      events.push_back(event);
    });
    ASSERT_TRUE(Eventually([&] { return Count(Event::Kind::kResyncRequired) >= 1; }));
  }
  long Count(Event::Kind kind) {
    const std::lock_guard lock(mutex);
    return std::count_if(events.begin(), events.end(), [&](const Event& event) { return event.kind == kind; });
  }
  TestServer server;
  std::mutex mutex;
  std::vector<Event> events;
};

TEST_F(WatchTest, R52APeersSuspensionArrives) {
  const auto a = server.Client("a.example", server.vendor_one);
  Watch(*a);
  const absl::Time start = absl::Now();
  ASSERT_EQ(server.Ctl({"henb", "suspend", "d.example"}), 0);
  ASSERT_TRUE(Eventually([&] { return Count(Event::Kind::kPeerSuspended) == 1; }));
  EXPECT_LT(absl::Now() - start, absl::Seconds(2));
  a->StopWatch();
  EXPECT_EQ(events.back().peer, Id("d.example"));
}

TEST_F(WatchTest, RotationAndEpochsArrive) {
  const auto a = server.Client("a.example", server.vendor_one);
  Watch(*a);
  ASSERT_EQ(server.Ctl({"rotate", "d.example"}), 0);
  ASSERT_TRUE(Eventually([&] { return Count(Event::Kind::kPairChanged) == 1; }));
  ASSERT_EQ(server.Ctl({"epoch", "advance", "--in", "1h"}), 0);
  ASSERT_TRUE(Eventually([&] { return Count(Event::Kind::kEpochReady) == 1; }));
  a->StopWatch();
  std::uint64_t last = 0;
  for (const Event& event : events) {
    EXPECT_GE(event.revision, last);
    last = event.revision;
  }
}

TEST_F(WatchTest, OnesOwnSuspensionArrivesAndEndsTheStream) {
  const auto a = server.Client("a.example", server.vendor_one);
  Watch(*a);
  ASSERT_EQ(server.Ctl({"henb", "suspend", "a.example"}), 0);
  EXPECT_TRUE(Eventually([&] { return Count(Event::Kind::kSelfSuspended) == 1; }));
  std::string status;
  EXPECT_TRUE(Eventually([&] {
    server.Ctl({"--json", "status"}, &status);
    return status.find("\"watchers\": 0") != std::string::npos;
  }));
}

TEST_F(WatchTest, AfterARestartOfTheServiceItGoesOn) {
  server.Stop();
  server.Start();
  const auto a = server.Client("a.example", server.vendor_one);
  Watch(*a);
  const int port = server.program->port();
  ASSERT_EQ(server.Ctl({"rotate", "d.example"}), 0);
  ASSERT_TRUE(Eventually([&] { return Count(Event::Kind::kPairChanged) == 1; }));
  server.Stop();
  server.config.listen_port = static_cast<std::uint16_t>(port);
  server.Start();
  // The store's revision went on, so nothing was missed; what happens now arrives.
  ASSERT_TRUE(Eventually(
      [&] {
        server.Ctl({"rotate", "d.example"});
        return Count(Event::Kind::kPairChanged) >= 2;
      },
      absl::Seconds(30)));
}

TEST_F(WatchTest, NewCredentialsReopenTheStream) {
  const Identity old = server.vendor_one.Issue("a.example");
  const auto a = server.Client(old);
  Watch(*a);
  const Identity fresh = server.vendor_one.Issue("a.example");
  a->UpdateCredentials({fresh.certificate_pem, common::SecretBytes::CopyOf(fresh.key_pem)});
  ASSERT_TRUE(Eventually([&] {
    server.Ctl({"rotate", "d.example"});
    return Count(Event::Kind::kPairChanged) >= 1;
  }));
}

TEST_F(WatchTest, AStrangerIsRefused) {
  const auto stranger = server.Client("nobody.example", server.vendor_one);
  stranger->StartWatch([this](const Event& event) {
    const std::lock_guard lock(mutex);
    events.push_back(event);
  });
  std::string audit;
  ASSERT_TRUE(Eventually([&] {
    server.Ctl({"--json", "audit", "show"}, &audit);
    return audit.find("Watch: ") != std::string::npos;
  }));
  stranger->StopWatch();
  EXPECT_TRUE(events.empty());
}

}  // namespace
}  // namespace henb::keydist::test
