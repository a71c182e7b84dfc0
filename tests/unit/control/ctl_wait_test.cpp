// Waiting for links and watching them.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <chrono>
#include <future>
#include <thread>

#include "control_fixture.h"
#include "henb/control/v1/control.grpc.pb.h"

namespace henb::x2sec::control {
namespace {

namespace v1 = henb::control::v1;
using testing::HasSubstr;

class CtlWait : public ControlFixture {
 protected:
  CtlWait() {
    LinkView link = BlockedLink();
    link.neighbour = "henb-b.example";
    link.state = "KEYING";
    link.last_error = "no answer";
    backend_.links = {link};
  }
  std::unique_ptr<v1::Status::Stub> Stub() const {
    return v1::Status::NewStub(
        grpc::CreateChannel("unix:" + Config().status_socket, grpc::InsecureChannelCredentials()));
  }
};

TEST_F(CtlWait, ReturnsAtOnceWhenTheStateIsThere) {
  backend_.links[0].state = "UP_CERT";
  StartServer();
  EXPECT_EQ(Ctl({"wait", "henb-b.example", "--state", "UP", "--timeout", "10s"}).status, 0);
  EXPECT_EQ(Ctl({"wait", "henb-b.example", "--state", "UP_CERT", "--timeout", "10s"}).status, 0);
  EXPECT_EQ(Ctl({"wait", "henb-b.example", "--state", "UP_PSK", "--timeout", "10ms"}).status, 1);
}

TEST_F(CtlWait, TimeoutIsAFailureThatSaysHowThingsStand) {
  StartServer();
  const CtlResult result = StatusCtl({"wait", "henb-b.example", "--state", "UP", "--timeout", "20ms"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("henb-b.example is KEYING, not UP: no answer"));
}

TEST_F(CtlWait, UnknownNeighbourIsNoSuchObject) {
  StartServer();
  EXPECT_EQ(Ctl({"wait", "henb-x.example", "--state", "UP", "--timeout", "10s"}).status, 4);
}

TEST_F(CtlWait, AChangeEndsTheWait) {
  StartServer();
  auto waiting = std::async(std::launch::async, [&] {
    return Ctl({"wait", "henb-b.example", "--state", "UP", "--timeout", "30s"});
  });
  backend_.SetState("henb-b.example", "UP_PSK");
  server_->NotifyLinksChanged();
  const CtlResult result = waiting.get();
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("UP_PSK"));
}

TEST_F(CtlWait, AChangeWithoutNotificationIsSeenToo) {
  StartServer();
  auto waiting = std::async(std::launch::async, [&] {
    return Ctl({"wait", "henb-b.example", "--state", "FAILED", "--timeout", "30s"});
  });
  backend_.SetState("henb-b.example", "FAILED");
  EXPECT_EQ(waiting.get().status, 0);
}

TEST_F(CtlWait, StoppingTheServerEndsTheWait) {
  StartServer();
  grpc::ClientContext context;
  v1::WaitForLinkRequest request;
  request.set_neighbour("henb-b.example");
  request.set_state("UP");
  request.mutable_timeout()->set_seconds(600);
  v1::Link link;
  const auto stub = Stub();
  auto waiting = std::async(std::launch::async, [&] { return stub->WaitForLink(&context, request, &link); });
  ASSERT_EQ(waiting.wait_for(std::chrono::milliseconds(200)), std::future_status::timeout);
  server_->Stop();
  EXPECT_EQ(waiting.get().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(CtlWait, ServerChecksStateAndTimeoutItself) {
  StartServer();
  const auto ask = [&](const std::string& neighbour, const std::string& state, int seconds) {
    grpc::ClientContext context;
    v1::WaitForLinkRequest request;
    request.set_neighbour(neighbour);
    request.set_state(state);
    request.mutable_timeout()->set_seconds(seconds);
    v1::Link link;
    return Stub()->WaitForLink(&context, request, &link).error_code();
  };
  EXPECT_EQ(ask("henb-b.example", "KEYING", 0), grpc::StatusCode::OK);
  EXPECT_EQ(ask("henb-b.example", "UP", 0), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(ask("henb-b.example", "UP_", 1), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ask("henb-b.example", "", 1), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ask("HENB-B", "UP", 1), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ask("henb-b.example", "UP", -1), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(CtlWait, AWatchShowsEveryChangeAndNothingTwice) {
  StartServer();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  const auto stub = Stub();
  const auto reader = stub->WatchLinks(&context, v1::WatchLinksRequest());
  v1::ListLinksResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.links(0).state(), "KEYING");
  server_->NotifyLinksChanged();  // Nothing changed: nothing is sent.
  backend_.SetState("henb-b.example", "UP_PSK");
  server_->NotifyLinksChanged();
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.links(0).state(), "UP_PSK");
  server_->Stop();
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(CtlWait, WatchPrintsOneJsonArrayALine) {
  StartServer();
  auto watching = std::async(std::launch::async, [&] { return Ctl({"links", "--json", "--watch"}); });
  ASSERT_EQ(watching.wait_for(std::chrono::milliseconds(500)), std::future_status::timeout);
  server_->Stop();
  const CtlResult result = watching.get();
  EXPECT_EQ(result.status, 3);
  ASSERT_EQ(result.json().size(), 1U) << result.out;
  EXPECT_EQ(result.json()[0]["state"], "KEYING");
}

TEST_F(CtlWait, TooManyWaitersAreRefused) {
  StartServer();
  const auto stub = Stub();
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::ListLinksResponse>>> watches;
  v1::ListLinksResponse response;
  for (int i = 0; i < 32; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    watches.push_back(stub->WatchLinks(contexts.back().get(), v1::WatchLinksRequest()));
    ASSERT_TRUE(watches.back()->Read(&response)) << i;
  }
  grpc::ClientContext context;
  const auto refused = stub->WatchLinks(&context, v1::WatchLinksRequest());
  EXPECT_FALSE(refused->Read(&response));
  EXPECT_EQ(refused->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Ctl({"links"}).status, 0);
  for (const auto& one : contexts) one->TryCancel();
  for (const auto& watch : watches) watch->Finish();
}

}  // namespace
}  // namespace henb::x2sec::control
