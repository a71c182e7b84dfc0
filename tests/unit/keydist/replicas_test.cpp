// Two key services over one real etcd (R49): one key for a pair whoever is asked, one operator's word for both.
#include <gtest/gtest.h>

#include <thread>

#include "keydist-server/store/etcd_store.h"
#include "service_fixture.h"
#include "tests/support/etcd_cluster.h"
#include "tests/support/etcd_endpoints.h"

namespace henb::keydist::test {
namespace {

/// One replica: its own store, audit log and randomness; etcd and the KEK are shared.
struct Replica {
  Replica(const tests::EtcdProcess& etcd, std::string its_name)
      : name(std::move(its_name)), store(*store::EtcdStore::Open({.endpoints = EndpointsOf(etcd)}, clock, random)) {}

  absl::Status Ask(std::string_view caller, std::string_view peer, service::Decision* decision) {
    const std::vector<std::string_view> peers = {peer};
    const service::CallerIdentity identity{common::Sha256Digest::Of("anchor"), *common::HenbId::Parse(caller)};
    return service.Decide(identity, peers, decision);
  }
  bool Refuses(std::string_view caller) {
    service::Decision decision;
    return absl::IsPermissionDenied(Ask(caller, "b.example", &decision));
  }

  std::string name;
  common::SystemClock clock;
  common::SystemRandom random;
  std::unique_ptr<store::EtcdStore> store;
  FakeAuditLog audit;
  service::KeyService service{*store,
                              audit,
                              clock,
                              random,
                              *domain::RootSealer::Make(common::SecretBytes(32)),
                              {.schedule = {}, .lease = absl::Minutes(10), .replica = name}};
  service::OperatorDesk desk{service};
};

/// As the answer would carry it.
common::SecretBytes PairKeyOf(const service::Decision& decision) {
  common::SecretBytes key(domain::kPairKeySize);
  decision.pick.current->keys->Derive({"a.example", decision.caller.generation},
                                      {"b.example", decision.peers[0].generation}, domain::Purpose::kIkePsk,
                                      std::span<std::uint8_t, domain::kPairKeySize>(key.data(), key.size()));
  return key;
}

template <typename F>
bool Within(absl::Duration time, const F& holds) {
  for (const absl::Time deadline = absl::Now() + time; !holds(); absl::SleepFor(absl::Milliseconds(5))) {
    if (absl::Now() > deadline) return false;
  }
  return true;
}

class Replicas : public ::testing::Test {
 protected:
  void SetUp() override {
    // Both at once, on an empty store: both want to make the first epoch.
    absl::Status first;
    std::thread thread([&] { first = one.service.Start(); });
    const absl::Status second = other.service.Start();
    thread.join();
    ASSERT_TRUE(first.ok()) << first;
    ASSERT_TRUE(second.ok()) << second;
    for (const char* id : {"a.example", "b.example"}) {
      domain::HenbRecord record;
      record.id = *common::HenbId::Parse(id);
      record.anchors = {common::Sha256Digest::Of("anchor")};
      record.groups = {"site"};
      ASSERT_TRUE(one.desk.Add(std::move(record)).ok());
    }
    ASSERT_TRUE(Within(absl::Seconds(10), [&] { return !other.Refuses("b.example") && !other.Refuses("a.example"); }));
  }
  tests::EtcdProcess etcd;
  Replica one{etcd, "one"};
  Replica other{etcd, "other"};
};

TEST_F(Replicas, R49BothHandOutTheSameKeyOfTheOneEpoch) {
  EXPECT_EQ(one.store->Epochs()->size(), 1U);
  std::vector<common::SecretBytes> keys;
  for (Replica* replica : {&one, &other}) {
    service::Decision decision;
    ASSERT_TRUE(replica->Ask("a.example", "b.example", &decision).ok());
    ASSERT_EQ(decision.peers[0].verdict, domain::PairVerdict::kAllowed);
    EXPECT_EQ(decision.pick.current->span.number, 1U);
    keys.push_back(PairKeyOf(decision));
  }
  EXPECT_EQ(keys[0].view(), keys[1].view());
}

TEST_F(Replicas, R52ASuspendAtOneIsRefusedAtTheOther) {
  ASSERT_TRUE(one.desk.Suspend(*common::HenbId::Parse("a.example")).ok());
  EXPECT_TRUE(one.Refuses("a.example")) << "at once where it was said";
  EXPECT_TRUE(Within(absl::Seconds(2), [&] { return other.Refuses("a.example"); }));
}

TEST_F(Replicas, ANextEpochMadeAtOneIsHandedOutByTheOther) {
  ASSERT_TRUE(one.desk.AdvanceEpoch(absl::Minutes(5)).ok());
  ASSERT_TRUE(other.service.Tick().ok());
  service::Decision decision;
  ASSERT_TRUE(other.Ask("a.example", "b.example", &decision).ok());
  ASSERT_NE(decision.pick.next, nullptr);
  EXPECT_EQ(decision.pick.next->span.number, 2U);
  EXPECT_TRUE(absl::IsFailedPrecondition(other.desk.AdvanceEpoch(absl::Minutes(5))));
}

}  // namespace
}  // namespace henb::keydist::test
