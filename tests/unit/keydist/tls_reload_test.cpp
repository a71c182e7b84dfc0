// New certificates, keys and anchors in a running server; and how it goes.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "common/file.h"
#include "common/strings.h"
#include "henb/keydist/v1/keydist.grpc.pb.h"
#include "tests/unit/keydist/test_server.h"

namespace henb::keydist::test {
namespace {

using ::testing::HasSubstr;

/// grpc.health.v1.Health/Watch of the whole server, without the generated classes, which Debian does not have.
class HealthWatch {
 public:
  explicit HealthWatch(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {
    call_ = stub_.PrepareCall(&context_, "/grpc.health.v1.Health/Watch", &queue_);
    call_->StartCall(this);
    Await();
    const grpc::Slice no_name;
    call_->WriteLast(grpc::ByteBuffer(&no_name, 1), grpc::WriteOptions(), this);
    Await();
  }
  ~HealthWatch() {
    context_.TryCancel();
    queue_.Shutdown();
    void* tag = nullptr;
    for (bool ok = false; queue_.Next(&tag, &ok);) continue;
  }
  /// HealthCheckResponse.status: 1 SERVING, 2 NOT_SERVING; 0 when the stream has ended.
  int Next() {
    grpc::ByteBuffer message;
    call_->Read(&message, this);
    grpc::Slice slice;
    if (!Await() || !message.DumpToSingleSlice(&slice).ok() || slice.size() != 2 || slice.begin()[0] != 8) return 0;
    return slice.begin()[1];
  }

 private:
  bool Await() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  grpc::GenericStub stub_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
};

class ReloadTest : public ::testing::Test {
 protected:
  void SetUp() override { server.Start(); }

  std::shared_ptr<grpc::Channel> Channel(const Identity& identity, const TestCa& root) {
    const grpc::SslCredentialsOptions tls{root.pem(), identity.key_pem, identity.certificate_pem};
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("keydist.example");
    arguments.SetInt("grpc.use_local_subchannel_pool", 1);  // A connection of its own.
    return grpc::CreateCustomChannel(common::StrCat("127.0.0.1:", server.program->port()), grpc::SslCredentials(tls),
                                     arguments);
  }
  static grpc::Status Ask(const std::shared_ptr<grpc::Channel>& channel) {
    v1::GetPairKeysRequest request;
    request.add_peers("b.example");
    request.set_purpose(v1::IKE_PSK);
    v1::GetPairKeysResponse response;
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
    return v1::KeyDistribution::NewStub(channel)->GetPairKeys(&context, request, &response);
  }
  nlohmann::json Health(const std::string& subsystem) {
    std::string output;
    EXPECT_EQ(server.Ctl({"--json", "status"}, &output), 0);
    const nlohmann::json status = nlohmann::json::parse(output);
    for (const auto& health : status["health"]) {
      if (health["name"] == subsystem) return health;
    }
    return {};
  }
  void Install(const Identity& identity) {
    server.folder.Write("server.pem", identity.certificate_pem);
    server.folder.Write("server.key", identity.key_pem);
  }
  TestServer server;
  TestCa new_root{"operator's next root"};
};

TEST_F(ReloadTest, ANewCertificateIsShownAndOpenStreamsGoOn) {
  const auto old_channel = Channel(server.vendor_one.Issue("a.example"), server.operator_ca);
  grpc::ClientContext watching;
  v1::WatchRequest watch;
  const auto stream = v1::KeyDistribution::NewStub(old_channel)->Watch(&watching, watch);
  stream->WaitForInitialMetadata();
  ASSERT_TRUE(Ask(old_channel).ok());

  Install(new_root.Issue("keydist.example"));
  ASSERT_TRUE(server.program->Reload(server.config).ok());
  EXPECT_FALSE(Ask(Channel(server.vendor_one.Issue("a.example"), server.operator_ca)).ok()) << "the old one is gone";
  EXPECT_TRUE(Ask(Channel(server.vendor_one.Issue("a.example"), new_root)).ok());
  EXPECT_TRUE(Ask(old_channel).ok()) << "a connection that stands goes on";
  ASSERT_EQ(server.Ctl({"rotate", "b.example"}), 0);
  v1::Event event;
  ASSERT_TRUE(stream->Read(&event)) << "and so does its stream";
  EXPECT_EQ(event.pair_changed().peer(), "b.example");
  watching.TryCancel();
}

TEST_F(ReloadTest, BadFilesLeaveTheOldOnesInUseAndSaySo) {
  server.folder.Write("server.key", new_root.Issue("keydist.example").key_pem);
  const absl::Status refused = server.program->Reload(server.config);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("is not the key of the certificate"));
  EXPECT_TRUE(Ask(Channel(server.vendor_one.Issue("a.example"), server.operator_ca)).ok());
  EXPECT_EQ(Health("tls")["ok"], false);
  EXPECT_THAT(Health("tls")["detail"].get<std::string>(), HasSubstr("server.key"));
  for (const char* content : {"", "not PEM"}) {
    server.folder.Write("one.pem", content);
    EXPECT_FALSE(server.program->Reload(server.config).ok());
  }
  EXPECT_TRUE(Ask(Channel(server.vendor_one.Issue("a.example"), server.operator_ca)).ok());
  server.folder.Write("one.pem", server.vendor_one.pem());
  Install(server.operator_ca.Issue("keydist.example"));
  EXPECT_TRUE(server.program->Reload(server.config).ok());
  EXPECT_EQ(Health("tls")["ok"], true);
}

TEST_F(ReloadTest, ChangedFilesAreSeenOnceTheyAreLeftAlone) {
  const Identity next = new_root.Issue("keydist.example");
  const auto ask_new = [&] { return Ask(Channel(server.vendor_one.Issue("a.example"), new_root)).ok(); };
  server.folder.Write("server.pem", next.certificate_pem);
  server.program->Tick();
  server.folder.Write("server.key", next.key_pem);  // Between two looks: no half is taken.
  server.program->Tick();
  EXPECT_EQ(Health("tls")["ok"], true);
  EXPECT_FALSE(ask_new());
  server.program->Tick();
  EXPECT_TRUE(ask_new());
  EXPECT_EQ(Health("tls")["ok"], true);
}

TEST_F(ReloadTest, R43AnAnchorThatIsTakenOutLetsNobodyInAnyMore) {
  const auto standing = Channel(server.vendor_one.Issue("a.example"), server.operator_ca);
  ASSERT_TRUE(Ask(standing).ok());
  const auto other = Channel(server.vendor_two.Issue("d.example"), server.operator_ca);
  server.config.anchors.erase(server.config.anchors.begin() + 1);
  ASSERT_TRUE(server.program->Reload(server.config).ok());
  EXPECT_EQ(Ask(standing).error_code(), grpc::StatusCode::UNAUTHENTICATED) << "also on a connection that stands";
  EXPECT_FALSE(Ask(Channel(server.vendor_one.Issue("a.example"), server.operator_ca)).ok());
  EXPECT_TRUE(Ask(other).ok());
  server.config.anchors.push_back(server.folder.path() + "/one.pem");
  ASSERT_TRUE(server.program->Reload(server.config).ok());
  EXPECT_TRUE(Ask(Channel(server.vendor_one.Issue("a.example"), server.operator_ca)).ok());
}

TEST_F(ReloadTest, WhoDrainsSendsWatchersAwayWithATimeToComeBack) {
  const auto channel = Channel(server.vendor_one.Issue("a.example"), server.operator_ca);
  ASSERT_TRUE(Ask(channel).ok());
  grpc::ClientContext watching;
  const auto stream = v1::KeyDistribution::NewStub(channel)->Watch(&watching, v1::WatchRequest());
  stream->WaitForInitialMetadata();
  HealthWatch health(Channel(server.vendor_two.Issue("d.example"), server.operator_ca));
  EXPECT_EQ(health.Next(), 1);

  std::thread draining([&] { server.program->Drain(absl::Seconds(5)); });
  v1::Event event;
  EXPECT_FALSE(stream->Read(&event));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  const auto& trailing = watching.GetServerTrailingMetadata();
  const auto hint = trailing.find("grpc-retry-pushback-ms");
  ASSERT_NE(hint, trailing.end());
  const auto milliseconds = common::ParseNumber<int>(std::string_view(hint->second.data(), hint->second.size()));
  ASSERT_TRUE(milliseconds.has_value());
  EXPECT_GE(*milliseconds, 0);
  EXPECT_LE(*milliseconds, 1000) << "one stream alone need not wait long";
  EXPECT_EQ(health.Next(), 2);
  draining.join();
  EXPECT_FALSE(Ask(Channel(server.vendor_one.Issue("a.example"), server.operator_ca)).ok());
}

}  // namespace
}  // namespace henb::keydist::test
