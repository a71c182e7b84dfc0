// A key service over a store in memory, a clock that stands still and an audit log that the test commands.
#pragma once

#include <gtest/gtest.h>

#include "common/random.h"
#include "keydist-server/service/key_service.h"
#include "keydist-server/service/operator_desk.h"
#include "keydist-server/store/memory_store.h"

namespace henb::keydist::test {

/// Keeps records; refuses them when told.
class FakeAuditLog final : public store::AuditLog {
 public:
  void Append(const domain::AuditRecord& record, Done done) override {
    if (failing) return done(absl::UnavailableError("disk full"));
    records.push_back(record);
    done(absl::OkStatus());
  }
  absl::Status health() const override { return failing ? absl::UnavailableError("disk full") : absl::OkStatus(); }
  domain::ChainHead head() const override { return {.sequence = records.size(), .hash = {}}; }
  absl::StatusOr<std::vector<std::string>> Last(std::size_t) const override { return std::vector<std::string>(); }
  std::vector<domain::AuditRecord> records;
  bool failing = false;
};

class RecordingWatcher final : public service::Watcher {
 public:
  void Deliver(const service::WatchEvent& event) override { events.push_back(event); }
  std::vector<service::WatchEvent> events;
};

class ServiceFixture : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(service.Start().ok()); }

  static common::HenbId Id(std::string_view text) { return *common::HenbId::Parse(text); }
  static common::SpkiHash Anchor() { return common::Sha256Digest::Of("anchor"); }
  static service::CallerIdentity Caller(std::string_view id) { return {Anchor(), Id(id)}; }

  void Add(std::string_view id, std::vector<std::string> groups) {
    domain::HenbRecord record;
    record.id = Id(id);
    record.anchors = {Anchor()};
    record.groups = std::move(groups);
    ASSERT_TRUE(desk.Add(std::move(record)).ok());
  }
  domain::PairVerdict Verdict(std::string_view caller, std::string_view peer) {
    const std::vector<std::string_view> peers = {peer};
    service::Decision decision;
    const absl::Status status = service.Decide(Caller(caller), peers, &decision);
    EXPECT_TRUE(status.ok()) << status;
    return decision.peers[0].verdict;
  }
  absl::Status CallStatus(std::string_view caller) {
    service::Decision decision;
    return service.Decide(Caller(caller), {}, &decision);
  }

  store::MemoryStore store;
  FakeAuditLog audit;
  common::FakeClock clock;
  common::FakeRandom random;
  service::KeyService service{store, audit, clock, random, *domain::RootSealer::Make(common::SecretBytes(32)), {}};
  service::OperatorDesk desk{service};
};

}  // namespace henb::keydist::test
