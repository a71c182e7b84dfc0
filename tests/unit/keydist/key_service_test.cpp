#include <gmock/gmock.h>

#include "tests/unit/keydist/service_fixture.h"

namespace henb::keydist::test {
namespace {

using domain::PairRule;
using domain::PairVerdict;
using Kind = service::WatchEvent::Kind;

class KeyServiceTest : public ServiceFixture {
 protected:
  void SetPair(std::string_view one, std::string_view other, PairRule rule) {
    ASSERT_TRUE(desk.SetPairRule(*domain::PairId::Of(Id(one), Id(other)), rule).ok());
  }
};

TEST_F(KeyServiceTest, R44GroupsAllowAndDenyDecide) {
  Add("a.example", {"x"});
  Add("b.example", {"x", "y"});
  Add("c.example", {"y"});
  EXPECT_EQ(Verdict("a.example", "b.example"), PairVerdict::kAllowed);
  EXPECT_EQ(Verdict("a.example", "c.example"), PairVerdict::kNotAllowed);
  SetPair("c.example", "a.example", PairRule::kAllow);
  EXPECT_EQ(Verdict("a.example", "c.example"), PairVerdict::kAllowed);
  EXPECT_EQ(Verdict("c.example", "a.example"), PairVerdict::kAllowed);
  SetPair("a.example", "b.example", PairRule::kDeny);
  EXPECT_EQ(Verdict("b.example", "a.example"), PairVerdict::kNotAllowed);
  SetPair("a.example", "b.example", PairRule::kNone);
  EXPECT_EQ(Verdict("b.example", "a.example"), PairVerdict::kAllowed);
  EXPECT_EQ(Verdict("a.example", "a.example"), PairVerdict::kNotAllowed) << "no pair with oneself";
}

TEST_F(KeyServiceTest, R44ASuspendedPeerShowsToItsPeersOnly) {
  Add("a.example", {"x"});
  Add("b.example", {"x"});
  Add("outsider.example", {"z"});
  ASSERT_TRUE(desk.Suspend(Id("b.example")).ok());
  EXPECT_EQ(Verdict("a.example", "b.example"), PairVerdict::kPeerSuspended);
  EXPECT_EQ(Verdict("outsider.example", "b.example"), PairVerdict::kNotAllowed);
  EXPECT_EQ(CallStatus("b.example").code(), absl::StatusCode::kPermissionDenied);
  ASSERT_TRUE(desk.Resume(Id("b.example")).ok());
  EXPECT_EQ(Verdict("a.example", "b.example"), PairVerdict::kAllowed);
}

TEST_F(KeyServiceTest, R43UnknownCallersAreRefusedAndRecorded) {
  Add("a.example", {"x"});
  EXPECT_EQ(CallStatus("nobody.example").code(), absl::StatusCode::kPermissionDenied);
  const service::CallerIdentity other_anchor{common::Sha256Digest::Of("other"), Id("a.example")};
  service::Decision decision;
  const absl::Status verdict = service.Decide(other_anchor, {}, &decision);
  EXPECT_EQ(verdict.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(service.Register(other_anchor, {}).status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(audit.records.back().event, "caller_refused");
  EXPECT_EQ(audit.records.back().actor, "a.example");
  EXPECT_EQ(audit.records.back().anchor, other_anchor.anchor.ToHex());
}

TEST_F(KeyServiceTest, AnIdentityIsRegisteredOnceAndComesBackWithANewGeneration) {
  Add("a.example", {"x"});
  Add("b.example", {"x"});
  domain::HenbRecord claim;
  claim.id = Id("a.example");
  claim.anchors = {common::Sha256Digest::Of("other")};
  EXPECT_EQ(desk.Add(claim).status().code(), absl::StatusCode::kAlreadyExists);
  SetPair("a.example", "b.example", PairRule::kAllow);
  ASSERT_TRUE(desk.Remove(Id("a.example")).ok());
  EXPECT_EQ(CallStatus("a.example").code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Verdict("b.example", "a.example"), PairVerdict::kNotAllowed);
  EXPECT_EQ(desk.Remove(Id("a.example")).status().code(), absl::StatusCode::kNotFound);
  const auto again = desk.Add(claim);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->generation, 2U);
  EXPECT_EQ(Verdict("b.example", "a.example"), PairVerdict::kNotAllowed) << "the exception of the one before is gone";
}

TEST_F(KeyServiceTest, R51OperatorsChangesSayWhenTheyCouldNotBeAudited) {
  Add("a.example", {"x"});
  audit.failing = true;
  const auto suspended = desk.Suspend(Id("a.example"));
  EXPECT_EQ(suspended.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(suspended.status().message()), ::testing::HasSubstr("done, but not audited"));
  EXPECT_EQ(CallStatus("a.example").code(), absl::StatusCode::kPermissionDenied) << "a full disk never keeps one in";
}

TEST_F(KeyServiceTest, LeasesAreCountedAndARenewedOneGoesOn) {
  for (const char* id : {"a.example", "b.example", "c.example"}) Add(id, {"site"});
  for (const char* id : {"a.example", "b.example", "c.example"}) ASSERT_TRUE(service.Register(Caller(id), {}).ok());
  ASSERT_TRUE(desk.Remove(Id("c.example")).ok());
  EXPECT_EQ(service.directory().counts().leases, 2U);
  EXPECT_EQ(service.directory().counts().henbs, 2U);
  clock.Advance(absl::Minutes(6));
  ASSERT_TRUE(service.Register(Caller("a.example"), {}).ok());
  clock.Advance(absl::Minutes(6));
  ASSERT_TRUE(service.Tick().ok());
  EXPECT_EQ(service.directory().counts().leases, 1U) << "b's has ended";
  ASSERT_TRUE(service.Register(Caller("b.example"), {}).ok());
  clock.Advance(absl::Minutes(6));
  ASSERT_TRUE(service.Tick().ok());
  EXPECT_EQ(service.directory().counts().leases, 1U) << "a's has ended";
  clock.Advance(absl::Minutes(6));
  ASSERT_TRUE(service.Tick().ok());
  EXPECT_EQ(service.directory().counts().leases, 0U);
}

TEST_F(KeyServiceTest, AnImportIsRefusedOrTakenLineByLine) {
  Add("a.example", {"site"});
  Add("gone.example", {"site"});
  ASSERT_TRUE(desk.Remove(Id("gone.example")).ok());
  const auto record = [](std::string_view id, std::vector<std::string> groups) {
    domain::HenbRecord made;
    made.id = Id(id);
    made.anchors = {Anchor()};
    made.groups = std::move(groups);
    return made;
  };
  using Imported = service::OperatorDesk::Imported;
  const std::vector<domain::HenbRecord> records = {record("a.example", {"site"}), record("a.example", {"other"}),
                                                   record("new.example", {"site"}), record("gone.example", {"site"}),
                                                   record("bad.example", {"Not A Group"})};
  const std::size_t audited = audit.records.size();
  for (const bool dry_run : {true, false}) {
    const auto results = desk.Import(records, dry_run);
    ASSERT_TRUE(results.ok()) << results.status();
    EXPECT_EQ(*results->at(0), Imported::kUnchanged);
    EXPECT_TRUE(absl::IsAlreadyExists(results->at(1).status()));
    EXPECT_EQ(*results->at(2), Imported::kAdded);
    EXPECT_EQ(*results->at(3), Imported::kAdded);
    EXPECT_TRUE(absl::IsInvalidArgument(results->at(4).status()));
    EXPECT_EQ(audit.records.size(), audited + (dry_run ? 0 : 2));
  }
  EXPECT_EQ(service.directory().Find(Id("gone.example"))->record.generation, 2U);
  audit.failing = true;
  const auto unaudited = desk.Import({record("late.example", {})}, false);
  EXPECT_TRUE(absl::IsUnavailable(unaudited.status()));
  EXPECT_TRUE(service.directory().Find(Id("late.example")).has_value()) << "done, but not audited";
}

TEST_F(KeyServiceTest, ALeaseEndsWithoutTakingTheRight) {
  Add("a.example", {"x"});
  Add("b.example", {"x"});
  ASSERT_TRUE(service.Register(Caller("b.example"), {.x2_addresses = {"10.0.0.1"}}).ok());
  const std::vector<std::string_view> peers = {"b.example"};
  service::Decision decision;
  ASSERT_TRUE(service.Decide(Caller("a.example"), peers, &decision).ok());
  EXPECT_TRUE(decision.peers[0].facts);
  clock.Advance(absl::Minutes(11));
  service::Decision later;
  ASSERT_TRUE(service.Decide(Caller("a.example"), peers, &later).ok());
  EXPECT_FALSE(later.peers[0].facts);
  EXPECT_EQ(later.peers[0].verdict, PairVerdict::kAllowed);
  ASSERT_TRUE(service.Tick().ok());
  EXPECT_EQ(service.directory().counts().leases, 0U);
}

TEST_F(KeyServiceTest, EpochsTurnOverAndOldRootsGo) {
  Add("a.example", {"x"});
  const auto state = [&] {
    std::vector<std::string> states;
    const auto listed = service.epochs().List(clock.Now());
    for (const auto& epoch : *listed) states.emplace_back(epoch.state);
    return states;
  };
  using ::testing::ElementsAre;
  EXPECT_THAT(state(), ElementsAre("CURRENT"));
  clock.Advance(absl::Hours(23));
  ASSERT_TRUE(service.Tick().ok());
  EXPECT_THAT(state(), ElementsAre("CURRENT", "NEXT"));
  // The answer turns over by itself at the activation, before any tick.
  clock.Advance(absl::Hours(1));
  service::Decision decision;
  ASSERT_TRUE(service.Decide(Caller("a.example"), {}, &decision).ok());
  EXPECT_EQ(decision.pick.current->span.number, 2U);
  ASSERT_TRUE(service.Tick().ok());
  EXPECT_THAT(state(), ElementsAre("GRACE", "CURRENT"));
  clock.Advance(absl::Hours(2));
  ASSERT_TRUE(service.Tick().ok());
  EXPECT_THAT(state(), ElementsAre("DESTROYED", "CURRENT"));
  EXPECT_EQ(desk.AdvanceEpoch(absl::ZeroDuration()), absl::OkStatus());
  EXPECT_THAT(state(), ElementsAre("DESTROYED", "GRACE", "CURRENT"));
  ASSERT_TRUE(desk.AdvanceEpoch(absl::Minutes(5)).ok());
  EXPECT_EQ(desk.AdvanceEpoch(absl::Minutes(5)).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(KeyServiceTest, WatchersHearWhatConcernsThemAndNothingElse) {
  Add("a.example", {"x"});
  Add("b.example", {"x"});
  Add("outsider.example", {"z"});
  RecordingWatcher a;
  RecordingWatcher outsider;
  service.events().Subscribe(Id("a.example"), 0, &a);
  service.events().Subscribe(Id("outsider.example"), 0, &outsider);
  ASSERT_TRUE(desk.Rotate(Id("b.example")).ok());
  ASSERT_TRUE(desk.Suspend(Id("b.example")).ok());
  ASSERT_TRUE(service.Register(Caller("a.example"), {.x2_addresses = {"10.0.0.1"}}).ok());
  ASSERT_EQ(a.events.size(), 2U);
  EXPECT_EQ(a.events[0].kind, Kind::kPairChanged);
  EXPECT_EQ(a.events[0].peer, Id("b.example"));
  EXPECT_EQ(a.events[1].kind, Kind::kPeerSuspended);
  EXPECT_GT(a.events[1].revision, a.events[0].revision);
  EXPECT_TRUE(outsider.events.empty());

  SetPair("outsider.example", "a.example", PairRule::kDeny);  // Strangers before and after.
  EXPECT_TRUE(outsider.events.empty());
  SetPair("outsider.example", "a.example", PairRule::kAllow);
  ASSERT_EQ(outsider.events.size(), 1U);
  EXPECT_EQ(outsider.events[0].peer, Id("a.example"));
  ASSERT_TRUE(desk.AdvanceEpoch(absl::Minutes(1)).ok());
  EXPECT_EQ(outsider.events.back().kind, Kind::kEpochReady);
  EXPECT_EQ(outsider.events.back().epoch, 2U);
  ASSERT_TRUE(desk.Suspend(Id("a.example")).ok());
  EXPECT_EQ(a.events.back().kind, Kind::kSelfSuspended);
  EXPECT_EQ(outsider.events.back().kind, Kind::kPeerSuspended);
  service.events().Unsubscribe(&a);
  service.events().Unsubscribe(&outsider);
}

TEST_F(KeyServiceTest, WhoComesBackHearsWhatItMissed) {
  Add("a.example", {"x"});
  Add("b.example", {"x"});
  const std::uint64_t seen = service.directory().revision();
  ASSERT_TRUE(desk.Rotate(Id("b.example")).ok());
  ASSERT_TRUE(desk.AddToGroup(Id("a.example"), "y").ok());
  RecordingWatcher a;
  service.events().Subscribe(Id("a.example"), seen, &a);
  ASSERT_EQ(a.events.size(), 2U);
  EXPECT_EQ(a.events[0].kind, Kind::kPairChanged);
  EXPECT_EQ(a.events[1].kind, Kind::kResyncRequired) << "its own groups changed: all its pairs may have";

  RecordingWatcher future;
  service.events().Subscribe(Id("a.example"), seen + 1000, &future);
  ASSERT_EQ(future.events.size(), 1U);
  EXPECT_EQ(future.events[0].kind, Kind::kResyncRequired);
}

TEST_F(KeyServiceTest, LostHistoryIsSaid) {
  Add("a.example", {"x"});
  Add("b.example", {"x"});
  const std::uint64_t seen = service.directory().revision();
  for (std::size_t i = 0; i <= service::EventHub::kHistory; ++i) ASSERT_TRUE(desk.Rotate(Id("b.example")).ok());
  RecordingWatcher a;
  service.events().Subscribe(Id("a.example"), seen, &a);
  ASSERT_EQ(a.events.size(), 1U);
  EXPECT_EQ(a.events[0].kind, Kind::kResyncRequired);
  EXPECT_EQ(a.events[0].revision, service.directory().revision());
}

/// A store that others may have changed since.
class DeafStore final : public store::MemoryStore {
 public:
  absl::Status Following() const override { return following; }
  absl::Status following;
};

TEST(KeyServiceOverASharedStore, R49DecidesNothingWhileTheStoreDoesNotFollow) {
  DeafStore store;
  FakeAuditLog audit;
  common::FakeClock clock;
  common::FakeRandom random;
  service::KeyService service(store, audit, clock, random, *domain::RootSealer::Make(common::SecretBytes(32)), {});
  ASSERT_TRUE(service.Start().ok());
  service::OperatorDesk desk(service);
  const common::SpkiHash anchor = common::Sha256Digest::Of("anchor");
  for (const char* id : {"a.example", "b.example"}) {
    domain::HenbRecord record;
    record.id = *common::HenbId::Parse(id);
    record.anchors = {anchor};
    record.groups = {"site"};
    ASSERT_TRUE(desk.Add(std::move(record)).ok());
  }
  const std::vector<std::string_view> peers = {"b.example"};
  const service::CallerIdentity caller{anchor, *common::HenbId::Parse("a.example")};
  service::Decision decision;
  ASSERT_TRUE(service.Decide(caller, peers, &decision).ok());
  for (const absl::Status& why : {absl::UnavailableError("no word"), absl::DataLossError("a record was deleted")}) {
    store.following = why;
    service::Decision refused;
    EXPECT_EQ(service.Decide(caller, peers, &refused).code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(refused.pick.current, nullptr) << "nothing to derive from";
  }
  store.following = absl::UnavailableError("no word");
  // Nor is anything said about who asks: others may have registered them meanwhile.
  const service::CallerIdentity stranger{anchor, *common::HenbId::Parse("stranger.example")};
  for (const service::CallerIdentity& who : {caller, stranger}) {
    audit.records.clear();
    const std::uint64_t denials = service.denials();
    service::Decision refused;
    const absl::Status verdict = service.Decide(who, peers, &refused);
    EXPECT_TRUE(absl::IsUnavailable(verdict));
    service.RecordDecision(who, peers, domain::Purpose::kIkePsk, verdict, refused, [](const absl::Status&) {});
    ASSERT_EQ(audit.records.size(), 1U);
    EXPECT_EQ(audit.records[0].event, "call_not_served");
    EXPECT_EQ(audit.records[0].actor, who.id.str());
    EXPECT_EQ(audit.records[0].detail, "GetPairKeys: no word");
    EXPECT_EQ(service.denials(), denials) << "nobody was denied anything";
  }
  EXPECT_TRUE(absl::IsUnavailable(service.Register(stranger, {}).status()));
  EXPECT_EQ(audit.records.back().event, "call_not_served");
  EXPECT_TRUE(absl::IsUnavailable(service.CheckCaller(stranger)));
  EXPECT_TRUE(service.CheckCaller(caller).ok());
  EXPECT_EQ(service.refusals().Read()[static_cast<std::size_t>(service::Refusal::kUnavailable)], 3U);
  EXPECT_EQ(service.refusals().Read()[static_cast<std::size_t>(service::Refusal::kCallerUnknown)], 0U);
  store.following = absl::OkStatus();
  EXPECT_TRUE(absl::IsPermissionDenied(service.CheckCaller(stranger)));
  EXPECT_TRUE(service.Decide(caller, peers, &decision).ok());
}

}  // namespace
}  // namespace henb::keydist::test
