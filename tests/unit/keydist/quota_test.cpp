// R50 at the call: who asks for too much is told so and when to come back, and the others do not notice.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "common/file.h"
#include "common/strings.h"
#include "henb-x2sec/core/ports/retry_after.h"
#include "henb/keydist/v1/keydist.grpc.pb.h"
#include "tests/unit/keydist/test_server.h"

namespace henb::keydist::test {
namespace {

class QuotaTest : public ::testing::Test {
 protected:
  void Start(const service::QuotaLimits& quota) {
    server.config.quota = quota;
    server.Start();
  }
  /// Without x2secd's manners.
  std::unique_ptr<v1::KeyDistribution::Stub> Stub(const Identity& identity) {
    grpc::SslCredentialsOptions tls{server.operator_ca.pem(), identity.key_pem, identity.certificate_pem};
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("keydist.example");
    return v1::KeyDistribution::NewStub(grpc::CreateCustomChannel(common::StrCat("127.0.0.1:", server.program->port()),
                                                                  grpc::SslCredentials(tls), arguments));
  }
  static grpc::Status Ask(v1::KeyDistribution::Stub& stub, int peers, std::string* pushback = nullptr) {
    v1::GetPairKeysRequest request;
    for (int i = 0; i < peers; ++i) request.add_peers("d.example");
    request.set_purpose(v1::IKE_PSK);
    v1::GetPairKeysResponse response;
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
    const grpc::Status status = stub.GetPairKeys(&context, request, &response);
    const auto& trailing = context.GetServerTrailingMetadata();
    const auto found = trailing.find("grpc-retry-pushback-ms");
    if (pushback != nullptr && found != trailing.end()) pushback->assign(found->second.data(), found->second.size());
    return status;
  }
  TestServer server;
};

TEST_F(QuotaTest, TheClientSaysWhenTheServiceWantsToBeAskedAgain) {
  Start({.calls_per_second = 1, .burst = 64});
  const auto a = server.Client("a.example", server.vendor_one);
  const std::vector<common::HenbId> peers(64, Id("d.example"));
  ASSERT_TRUE(a->GetPairKeys(peers).ok());
  const absl::Status refused = a->GetPairKeys(peers).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted) << refused;
  EXPECT_GT(x2sec::core::RetryAfterOf(refused), absl::Seconds(1));
  EXPECT_LT(x2sec::core::RetryAfterOf(refused), absl::Minutes(2));
}

TEST_F(QuotaTest, R50OneFloodsAndAnotherIsAnswered) {
  Start({.calls_per_second = 1, .burst = 64});
  const auto flooder = Stub(server.vendor_one.Issue("a.example"));
  ASSERT_TRUE(Ask(*flooder, 64).ok());
  std::atomic<bool> stop{false};
  std::atomic<int> refused{0};
  std::thread flood([&] {
    while (!stop) {
      std::string pushback;
      const grpc::Status status = Ask(*flooder, 64, &pushback);
      EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << status.error_message();
      EXPECT_GT(std::atoi(pushback.c_str()), 1000);
      ++refused;
    }
  });
  const auto d = server.Client("d.example", server.vendor_two);
  for (int i = 0; i < 20; ++i) {
    const auto answer = d->GetPairKeys({Id("a.example")});
    EXPECT_TRUE(answer.ok()) << answer.status();
  }
  EXPECT_TRUE(Eventually([&] { return refused > 20; }));
  stop = true;
  flood.join();
  std::string status;
  ASSERT_EQ(server.Ctl({"--json", "status"}, &status), 0);
  EXPECT_THAT(status, ::testing::HasSubstr(common::StrCat("\"over_quota\": ", refused.load())));
  const std::string audit = *common::ReadFile(server.config.audit_path);
  std::size_t issued_to_a = 0;
  constexpr std::string_view kOfA = "\"event\":\"keys_issued\",\"actor\":\"a.example\"";
  for (std::size_t at = audit.find(kOfA); at != std::string::npos; at = audit.find(kOfA, at + 1)) ++issued_to_a;
  EXPECT_EQ(issued_to_a, 1U) << "what is over the quota costs no record";
}

TEST_F(QuotaTest, R50MalformedCallsAndRegistrationsCountToo) {
  Start({.calls_per_second = 1, .burst = 64});
  const auto a = Stub(server.vendor_one.Issue("a.example"));
  int invalid = 0;
  int refused = 0;
  for (int i = 0; i < 80; ++i) {
    const auto code = Ask(*a, 0).error_code();
    invalid += code == grpc::StatusCode::INVALID_ARGUMENT ? 1 : 0;
    refused += code == grpc::StatusCode::RESOURCE_EXHAUSTED ? 1 : 0;
  }
  EXPECT_GE(invalid, 64);
  EXPECT_GE(refused, 1);
  EXPECT_EQ(invalid + refused, 80);
  EXPECT_EQ(server.Client("a.example", server.vendor_one)->Register({}).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(QuotaTest, R50AStrangersFloodIsNotAFloodOfAuditRecords) {
  Start({.calls_per_second = 1, .burst = 64});
  const auto stranger = Stub(server.vendor_one.Issue("nobody.example"));
  EXPECT_EQ(Ask(*stranger, 64).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(Ask(*stranger, 64).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  const auto nameless = Stub(server.vendor_one.Issue(LeafOptions{.dns_names = {}, .common_name = "x"}));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Ask(*nameless, 1).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  const std::string audit = *common::ReadFile(server.config.audit_path);
  std::size_t records = 0;
  for (std::size_t at = audit.find("no dNSName"); at != std::string::npos; at = audit.find("no dNSName", at + 1)) {
    ++records;
  }
  EXPECT_LT(records, 100U);
}

TEST_F(QuotaTest, R50StreamsOfOneHenbAreBoundedAndFreedWhenTheyEnd) {
  Start({.calls_per_second = 100, .burst = 1000, .concurrent = 4, .watches = 2});
  const auto a = Stub(server.vendor_one.Issue("a.example"));
  struct Stream {
    explicit Stream(v1::KeyDistribution::Stub& stub) : reader(stub.Watch(&context, v1::WatchRequest())) {
      reader->WaitForInitialMetadata();
    }
    [[nodiscard]] bool Stands() const { return context.GetServerInitialMetadata().contains("watching"); }
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::Event>> reader;
  };
  Stream first(*a);
  Stream second(*a);
  ASSERT_TRUE(first.Stands() && second.Stands());
  Stream third(*a);
  EXPECT_EQ(third.reader->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  Stream others(*Stub(server.vendor_two.Issue("d.example")));
  EXPECT_TRUE(others.Stands());
  first.context.TryCancel();
  (void)first.reader->Finish();
  EXPECT_TRUE(Eventually([&] {
    Stream again(*a);
    const bool stands = again.Stands();
    again.context.TryCancel();
    (void)again.reader->Finish();
    return stands;
  }));
  for (Stream* stream : {&second, &others}) {
    stream->context.TryCancel();
    (void)stream->reader->Finish();
  }
}

TEST_F(QuotaTest, R50ARequestOfMoreThan64KibIsNotRead) {
  Start({});
  const auto a = Stub(server.vendor_one.Issue("a.example"));
  v1::RegisterRequest request;
  request.set_boot_id(std::string(70'000, 'x'));
  v1::RegisterResponse response;
  grpc::ClientContext context;
  EXPECT_EQ(a->Register(&context, request, &response).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Ask(*a, 1).ok());
}

}  // namespace
}  // namespace henb::keydist::test
