// Batches against an RA/CA that is played: what reaches the store, and what is left after an end in between.
#include "henb-x2sec/nem/batch_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "henb-x2sec/nem/lifecycle.h"
#include "tests/support/temp_directory.h"
#include "tests/support/test_pki.h"

namespace henb::tests {
namespace {

using ::testing::SizeIs;
using x2sec::nem::BatchReport;
using x2sec::nem::BatchRunner;
using x2sec::nem::DeviceList;
using x2sec::nem::RaAnswer;
using x2sec::nem::Request;
using x2sec::nem::RequestState;
using x2sec::nem::RequestStore;

/// Shared by the clients of all connections.
struct PlayedRa {
  std::mutex mutex;
  std::set<std::string> refuses;
  bool away = false;
  bool forgets_pkiconf = false;
  int asked = 0;
  std::vector<std::string> revoked;
  TestAuthority ca = TestAuthority::Root("/O=Operator 1/CN=CA");
};

class PlayedClient final : public x2sec::nem::RaClient {
 public:
  explicit PlayedClient(PlayedRa* ra) : ra_(ra) {}
  RaAnswer Ask(const x2sec::enrol::Pkcs10& pkcs10,
               const std::function<absl::Status(const x2sec::enrol::CertifiedPath&)>& keep) override {
    const std::lock_guard lock(ra_->mutex);
    ++ra_->asked;
    if (ra_->away) return {absl::UnavailableError("cmp.unreachable: played")};
    if (ra_->refuses.contains(pkcs10.identity.str())) return {absl::PermissionDeniedError("cmp.refused: played")};
    const std::string& name = pkcs10.identity.str();
    const x2sec::enrol::CertifiedPath path{
        ra_->ca.IssueFor({.subject = "/CN=" + name, .dns_names = {name}}, pkcs10.public_key.get()),
        {},
        ra_->ca.certificate()};
    if (const absl::Status kept = keep(path); !kept.ok()) return {kept};
    if (ra_->forgets_pkiconf) return {absl::UnavailableError("cmp.no_pkiconf: played")};
    return {path};
  }
  absl::Status Revoke(const common::Certificate& certificate) override {
    const std::lock_guard lock(ra_->mutex);
    if (ra_->away) return absl::UnavailableError("cmp.unreachable: played");
    ra_->revoked.push_back(certificate.serial_hex());
    return absl::OkStatus();
  }

 private:
  PlayedRa* ra_;
};

class NemBatch : public ::testing::Test {
 protected:
  NemBatch() { Restart(); }

  void Restart() {
    runner.reset();
    store = RequestStore::Open(directory.File("requests.db")).value();
    runner = std::make_unique<BatchRunner>(
        BatchRunner::Parts{.store = *store,
                           .ra = [this]() -> absl::StatusOr<std::unique_ptr<x2sec::nem::RaClient>> {
                             return std::make_unique<PlayedClient>(&ra);
                           },
                           .clock = clock,
                           .random = random,
                           .batch_size = 50});
    std::string list;
    for (int i = 0; i < 60; ++i) list += NameOf(i) + "\n";
    runner->SetDevices(std::make_shared<DeviceList>(DeviceList::Parse(list).value()));
    ASSERT_TRUE(runner->Recover().ok());
  }
  static std::string NameOf(int i) { return "henb-" + std::to_string(i) + ".example"; }
  Request Add(int i) {
    const std::shared_ptr<EVP_PKEY> key(NewKey().release(), EVP_PKEY_free);
    const auto id = common::HenbId::Parse(NameOf(i)).value();
    const auto pkcs10 = x2sec::enrol::ParsePkcs10(x2sec::enrol::MakePkcs10(id, key).value()).value();
    const Request request = x2sec::nem::Admit(pkcs10, {}, clock.Now()).value().back();
    EXPECT_TRUE(store->Put(request).ok());
    return request;
  }
  RequestState StateOf(const Request& request) { return store->Find(request.id).value().value().state; }
  BatchReport Run() { return runner->RunOnce().value(); }

  TempDirectory directory;
  common::FakeClock clock;
  common::FakeRandom random;
  PlayedRa ra;
  std::unique_ptr<RequestStore> store;
  std::unique_ptr<BatchRunner> runner;
};

TEST_F(NemBatch, R39PartialFailureIsReportedDeviceByDevice) {
  std::vector<Request> requests;
  for (int i = 0; i < 10; ++i) requests.push_back(Add(i));
  ra.refuses = {NameOf(3), NameOf(7)};
  const BatchReport report = Run();
  EXPECT_EQ(report.asked, 10);
  EXPECT_EQ(report.issued, 8);
  EXPECT_EQ(report.refused, 2);
  for (int i = 0; i < 10; ++i) {
    const bool refused = i == 3 || i == 7;
    EXPECT_EQ(StateOf(requests[static_cast<std::size_t>(i)]), refused ? RequestState::kRefused : RequestState::kIssued);
  }
}

TEST_F(NemBatch, NoMoreThanABatchAtOnceOldestFirst) {
  std::vector<Request> requests;
  for (int i = 0; i < 60; ++i) requests.push_back(Add(i));
  EXPECT_EQ(Run().asked, 50);
  EXPECT_EQ(StateOf(requests.front()), RequestState::kIssued);
  EXPECT_EQ(StateOf(requests.back()), RequestState::kPending);
  EXPECT_EQ(Run().asked, 10);
}

TEST_F(NemBatch, ADeviceThatLeftTheListIsNotAskedFor) {
  const Request request = Add(99);
  EXPECT_EQ(Run().refused, 1);
  EXPECT_EQ(StateOf(request), RequestState::kRefused);
  EXPECT_EQ(ra.asked, 0);
}

TEST_F(NemBatch, AnRaThatIsAwayIsNotAskedForAWholeBatch) {
  for (int i = 0; i < 40; ++i) Add(i);
  ra.away = true;
  EXPECT_EQ(Run().later, 40);
  EXPECT_LE(ra.asked, 4) << "one for each connection at most";
  EXPECT_EQ(Run().asked, 0) << "they back off";
  ra.away = false;
  clock.Advance(absl::Seconds(10));
  EXPECT_EQ(Run().issued, 40);
}

TEST_F(NemBatch, R34AnEndWhileAskingAsksAgainWithTheSameRequest) {
  Request request = Add(1);
  request.state = RequestState::kSending;
  ASSERT_TRUE(store->Put(request).ok());
  Restart();
  EXPECT_EQ(StateOf(request), RequestState::kPending);
  EXPECT_EQ(Run().issued, 1);
}

TEST_F(NemBatch, R34AConfirmationWithoutAnswerIsRevokedBeforeItIsAskedForAnew) {
  const Request request = Add(1);
  ra.forgets_pkiconf = true;
  EXPECT_EQ(Run().later, 1);
  EXPECT_EQ(StateOf(request), RequestState::kConfirming);
  const std::string unsure = store->Find(request.id).value()->chain.at(0).serial_hex();
  ra.forgets_pkiconf = false;
  Restart();
  EXPECT_EQ(StateOf(request), RequestState::kConfirming);
  for (int i = 0; i < 3 && StateOf(request) != RequestState::kIssued; ++i) {
    clock.Advance(absl::Minutes(1));
    (void)Run();
  }
  EXPECT_EQ(StateOf(request), RequestState::kIssued);
  EXPECT_THAT(ra.revoked, ::testing::ElementsAre(unsure)) << "one certificate lives";
}

TEST_F(NemBatch, RevocationsWaitForAnRaThatIsAway) {
  const Request request = Add(1);
  (void)Run();
  Request rejected =
      x2sec::nem::Reject(store->Find(request.id).value().value(), "cmp.wrong_usage", clock.Now()).value();
  ASSERT_TRUE(store->Put(rejected).ok());
  ra.away = true;
  EXPECT_EQ(Run().waiting, 1);
  ra.away = false;
  clock.Advance(absl::Minutes(1));
  EXPECT_EQ(Run().revoked, 1);
  EXPECT_THAT(ra.revoked, SizeIs(1));
  EXPECT_EQ(Run().revoked, 0);
}

TEST_F(NemBatch, WhatIsOverIsForgottenAfterAWhile) {
  const Request refused = Add(99);
  const Request used = Add(1);
  (void)Run();
  clock.Advance(absl::Hours(721));
  (void)Run();
  EXPECT_FALSE(store->Find(refused.id).value().has_value());
  EXPECT_TRUE(store->Find(used.id).value().has_value()) << "a live certificate is remembered";
}

}  // namespace
}  // namespace henb::tests
