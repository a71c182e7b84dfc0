// What holds of the etcd store alone: several owners, breaks of the watch, compaction, TLS.
#include <gtest/gtest.h>

#include <mutex>
#include <thread>

#include "store_world.h"

namespace henb::keydist::store {
namespace {

using domain::HenbRecord;
using domain::PairRule;

class EtcdOnly : public ::testing::Test {
 protected:
  void SetUp() override {
    one_ = Open();
    other_ = Open();
  }
  std::unique_ptr<EtcdStore> Open() {
    auto opened = OpenEtcd(prefix_);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return *std::move(opened);
  }
  void Listen(Store& store) {
    store.SetListener([this](const Change& change) {
      const std::lock_guard lock(mutex_);
      heard_.push_back(change);
    });
  }
  std::vector<Change> Heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }
  /// Polls until the listener has heard `revision`.
  bool Hears(std::uint64_t revision) {
    for (const absl::Time deadline = absl::Now() + absl::Seconds(30); absl::Now() < deadline;) {
      const std::vector<Change> heard = Heard();
      if (!heard.empty() && heard.back().revision >= revision) return true;
      absl::SleepFor(absl::Milliseconds(5));
    }
    return false;
  }
  std::string prefix_ = FreshPrefix();
  std::mutex mutex_;
  std::vector<Change> heard_;
  std::unique_ptr<EtcdStore> one_;
  std::unique_ptr<EtcdStore> other_;
};

TEST_F(EtcdOnly, R49TheListenerHearsWhatAnotherReplicaChanged) {
  Listen(*one_);
  const HenbRecord record = Record("a.example");
  ASSERT_TRUE(other_->CreateHenb(record).ok());
  ASSERT_TRUE(other_->SetPairRule(Pair("a.example", "b.example"), PairRule::kDeny).ok());
  const auto last = other_->UpdateHenb(record, domain::Suspended(record));
  ASSERT_TRUE(Hears(*last));
  const std::vector<Change> heard = Heard();
  ASSERT_EQ(heard.size(), 3U);
  EXPECT_EQ(std::get<PairException>(heard[1].what).rule, PairRule::kDeny);
  EXPECT_EQ(std::get<HenbRecord>(heard[2].what), domain::Suspended(record));
  EXPECT_LT(heard[0].revision, heard[1].revision);
}

TEST_F(EtcdOnly, R49TwoReplicasNeverMakeTwoRootsForOneEpoch) {
  for (std::uint64_t number = 1; number <= 20; ++number) {
    absl::Status first;
    absl::Status second;
    std::thread thread([&] { first = one_->CreateEpoch(Epoch(number, "root of one")).status(); });
    second = other_->CreateEpoch(Epoch(number, "root of the other")).status();
    thread.join();
    EXPECT_NE(first.ok(), second.ok()) << first << second;
    EXPECT_EQ(one_->Epochs()->at(number - 1), other_->Epochs()->at(number - 1));
    EXPECT_EQ(one_->Epochs()->at(number - 1).sealed, first.ok() ? "root of one" : "root of the other");
  }
}

TEST_F(EtcdOnly, AWatchThatBrokeIsTakenUpWhereItWas) {
  Listen(*one_);
  ASSERT_TRUE(Hears(*one_->CreateHenb(Record("a.example"))));
  Etcd().Kill();
  EXPECT_EQ(one_->Revision().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(one_->CreateHenb(Record("x.example")).status().code(), absl::StatusCode::kUnavailable);
  Etcd().Start();
  absl::StatusOr<std::uint64_t> last = absl::UnavailableError("");
  for (const absl::Time deadline = absl::Now() + absl::Seconds(30); !last.ok() && absl::Now() < deadline;) {
    last = other_->CreateHenb(Record("b.example"));
    absl::SleepFor(absl::Milliseconds(5));
  }
  ASSERT_TRUE(last.ok()) << last.status();
  ASSERT_TRUE(Hears(*last));
  EXPECT_EQ(Heard().size(), 2U) << "each change once";
}

TEST_F(EtcdOnly, R45ADestroyedRootIsInNoRevisionOfTheHistoryAndTheFeedGoesOn) {
  const auto made = *one_->CreateEpoch(Epoch(1, "root"));
  ASSERT_TRUE(one_->SetPairRule(Pair("a.example", "b.example"), PairRule::kDeny).ok());
  ASSERT_TRUE(one_->SetPairRule(Pair("a.example", "b.example"), PairRule::kNone).ok());
  static const common::SystemClock clock;
  EtcdClient client(EndpointsOf(Etcd()), clock);
  const EtcdKeys keys(prefix_);
  EXPECT_TRUE(client.Range({.key = keys.Epoch(1), .at_revision = made}).ok()) << "the history can be read";
  const auto gone = *other_->DestroyEpochRoot(1);
  EXPECT_EQ(client.Range({.key = keys.Epoch(1), .at_revision = made}).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(*other_->DestroyEpochRoot(1), *other_->Revision()) << "repeated";
  // Its watch would begin in the history that is gone.
  Listen(*one_);
  ASSERT_TRUE(Hears(gone));
  const std::vector<Change> heard = Heard();
  ASSERT_EQ(heard.size(), 2U);
  EXPECT_EQ(std::get<PairException>(heard[0].what).rule, PairRule::kNone) << "a rule taken back is told too";
  EXPECT_TRUE(std::get<domain::EpochMark>(heard[1].what).destroyed);
  const auto next = one_->CreateEpoch(Epoch(2));
  EXPECT_TRUE(next.ok()) << next.status() << ": a write returns when the watch has told it";
}

TEST_F(EtcdOnly, AnotherEndpointIsTriedWhenOneDoesNotAnswer) {
  static const common::SystemClock clock;
  static common::SystemRandom random;
  EtcdStore::Options options{.endpoints = EndpointsOf(Etcd()), .prefix = prefix_};
  options.endpoints.addresses = {"localhost:1", Etcd().address()};
  auto store = EtcdStore::Open(std::move(options), clock, random);
  ASSERT_TRUE(store.ok()) << store.status();
  Listen(**store);
  EXPECT_TRUE(Hears(*(*store)->CreateHenb(Record("a.example"))));
}

TEST_F(EtcdOnly, WithoutWordFromEtcdItSaysThatItDoesNotFollow) {
  static common::FakeClock clock;
  static common::SystemRandom random;
  auto store = EtcdStore::Open({.endpoints = EndpointsOf(Etcd()), .prefix = prefix_}, clock, random);
  ASSERT_TRUE(store.ok()) << store.status();
  Listen(**store);
  ASSERT_TRUE(Hears(*(*store)->CreateHenb(Record("a.example"))));
  EXPECT_TRUE((*store)->Following().ok());
  clock.Advance(absl::Seconds(11));
  EXPECT_EQ((*store)->Following().code(), absl::StatusCode::kUnavailable);
  ASSERT_TRUE((*store)->Revision().ok());
  EXPECT_TRUE((*store)->Following().ok());
}

TEST_F(EtcdOnly, ARecordSpoiltByHandIsSaidAndNothingIsDecidedAnyMore) {
  static const common::SystemClock clock;
  Listen(*one_);
  EtcdClient client(EndpointsOf(Etcd()), clock);
  const EtcdKeys keys(prefix_);
  const auto put = client.PutIf(keys.Henb(Record("a.example").id), 0, "not a record");
  ASSERT_TRUE(put.ok()) << put.status();
  ASSERT_TRUE(one_->CreateHenb(Record("b.example")).ok());
  EXPECT_EQ(one_->Following().code(), absl::StatusCode::kDataLoss);
}

TEST_F(EtcdOnly, RefusesASchemaOfANewerRelease) {
  static const common::SystemClock clock;
  EtcdClient client(EndpointsOf(Etcd()), clock);
  const EtcdKeys keys(FreshPrefix());
  ASSERT_TRUE(client.PutIf(keys.Schema(), 0, EncodeSchema({.version = EtcdStore::kSchema + 1})).ok());
  EXPECT_EQ(OpenEtcd(keys.prefix()).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(EtcdOnly, OnlyACertificateOfTheRightAuthorityGetsIn) {
  static const common::SystemClock clock;
  static common::SystemRandom random;
  const auto stranger = tests::TestAuthority::Root("/O=Test/CN=stranger").IssueHenb("keydist.example");
  EtcdStore::Options options{.endpoints = EndpointsOf(Etcd()), .prefix = prefix_};
  options.endpoints.certificate_pem = stranger.certificate.pem();
  options.endpoints.key_pem = common::SecretBytes::CopyOf(tests::PemOf(stranger.key.get()));
  EXPECT_EQ(EtcdStore::Open(std::move(options), clock, random).status().code(), absl::StatusCode::kUnavailable);
  EtcdStore::Options wrong_server{.endpoints = EndpointsOf(Etcd()), .prefix = prefix_};
  wrong_server.endpoints.ca_pem = stranger.certificate.pem();
  EXPECT_EQ(EtcdStore::Open(std::move(wrong_server), clock, random).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace henb::keydist::store
