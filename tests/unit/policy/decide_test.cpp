// Single decisions, each for a reason that a reader can name.
#include "policy/decide.h"

#include <gtest/gtest.h>

#include "tests/unit/policy/fixtures.h"

namespace henb::policy::test {
namespace {

Decision On(const Policy& policy, const Facts& facts) { return Decide(&policy, facts); }

TEST(Decide, BlocksWithoutPolicyR2) {
  const Decision decision = Decide(nullptr, SomeFacts());
  EXPECT_EQ(decision.outcome, Outcome::kBlock);
  EXPECT_EQ(decision.reason, Reason::kNoPolicy);
}

TEST(Decide, TakesCertificatesOfACommonAnchorR4) {
  const Decision decision = On(PolicyOf({RuleOf("any", {Method::kCertSameCa, Method::kCertEnrolled})}), SomeFacts());
  EXPECT_EQ(decision.outcome, Outcome::kCert);
  EXPECT_EQ(decision.method, Method::kCertSameCa);
  EXPECT_EQ(decision.rule, "any");
  EXPECT_EQ(decision.policy_version, 7U);
  EXPECT_EQ(decision.terms.anchors, std::vector{kVendorAnchor});
  EXPECT_EQ(decision.terms.suites, DefaultSuites());
}

TEST(Decide, EnrolsThenWaitsForThePeerThenTakesCertificatesR5) {
  const Policy policy = PolicyOf({RuleOf("any", {Method::kCertSameCa, Method::kCertEnrolled})});
  Facts facts = SomeFacts();
  facts.neighbour.issuers.value = {kOtherAnchor};
  Decision decision = On(policy, facts);
  EXPECT_EQ(decision.outcome, Outcome::kEnrol);
  EXPECT_EQ(decision.waiting_for, WaitingFor::kSelf);
  facts.enrolment.self_enrolled = true;
  decision = On(policy, facts);
  EXPECT_EQ(decision.outcome, Outcome::kEnrol);
  EXPECT_EQ(decision.waiting_for, WaitingFor::kPeer);
  EXPECT_EQ(decision.terms.anchors, std::vector{kOperatorAnchor});
  facts.enrolment.peer_enrolled = true;
  decision = On(policy, facts);
  EXPECT_EQ(decision.outcome, Outcome::kCert);
  EXPECT_EQ(decision.method, Method::kCertEnrolled);
  EXPECT_FALSE(decision.waiting_for.has_value());
}

TEST(Decide, OperatorAnchorDoesNotMakeTheSameCaR8) {
  Facts facts = SomeFacts();
  facts.neighbour.issuers.value = {kOperatorAnchor};
  facts.enrolment = {true, true};
  const Decision decision = On(PolicyOf({RuleOf("any", {Method::kCertSameCa, Method::kCertEnrolled})}), facts);
  EXPECT_EQ(decision.method, Method::kCertEnrolled);
  EXPECT_EQ(decision.methods.at(0).why, Reason::kNoCommonAnchor);
}

TEST(Decide, EnbWithAnOperatorCertificateNeedsNoCmpv2R42) {
  Facts facts = SomeFacts();
  facts.neighbour.kind.value = Kind::kEnb;
  facts.neighbour.issuers.value = {kOperatorAnchor};
  facts.neighbour.cmpv2.value = false;
  facts.enrolment = {true, true};
  const Policy policy = PolicyOf({RuleOf("any", {Method::kCertSameCa, Method::kCertEnrolled, Method::kPsk})});
  EXPECT_EQ(On(policy, facts).outcome, Outcome::kCert);
}

TEST(Decide, PskOnlyWhereARuleWritesItR6) {
  Facts facts = SomeFacts();
  facts.neighbour.issuers.value = {kOtherAnchor};
  facts.neighbour.cmpv2.value = false;
  Policy policy = PolicyOf({RuleOf("any", {Method::kCertSameCa, Method::kCertEnrolled})});
  EXPECT_EQ(On(policy, facts).outcome, Outcome::kBlock);
  EXPECT_FALSE(MentionsPsk(policy));
  policy.rules[0].methods.push_back(Method::kPsk);
  EXPECT_EQ(On(policy, facts).outcome, Outcome::kPsk);
  EXPECT_TRUE(MentionsPsk(policy));
}

TEST(Decide, TrustedOnlyOnTheNamedWireR2) {
  const Policy policy = PolicyOf({TrustedRule()});
  Facts facts = SomeFacts();
  EXPECT_EQ(On(policy, facts).outcome, Outcome::kTrusted);
  EXPECT_EQ(On(policy, facts).terms.interface, "wire0");
  facts.neighbour.interface.value = "eth0";
  EXPECT_EQ(On(policy, facts).outcome, Outcome::kBlock);
  EXPECT_EQ(On(policy, facts).rules_looked_at, std::vector{MatchField::kInterfaces});
  facts = SomeFacts();
  facts.neighbour.x2_addresses.value = {Ip("10.9.5.2"), Ip("10.9.6.2")};  // One of its addresses lies elsewhere.
  EXPECT_EQ(On(policy, facts).outcome, Outcome::kBlock);
}

TEST(Decide, ClaimedInterfaceIsNotTrusted) {
  Facts facts = SomeFacts();
  facts.neighbour.interface.source = Source::kUnverified;
  EXPECT_EQ(On(PolicyOf({TrustedRule()}), facts).reason, Reason::kTrustedLinkNotVerified);
}

TEST(Decide, BlockRuleMatchesAnyAddressInItsNetworks) {
  Rule block = RuleOf("shut", {Method::kBlock});
  block.match.networks = {Net("10.9.6.0/24")};
  Facts facts = SomeFacts();
  facts.neighbour.x2_addresses.value = {Ip("10.9.5.2"), Ip("10.9.6.2")};
  const Decision decision = On(PolicyOf({block, RuleOf("any", {Method::kCertSameCa})}), facts);
  EXPECT_EQ(decision.rule, "shut");
  EXPECT_EQ(decision.reason, Reason::kBlockedByRule);
}

TEST(Decide, FailureMovesOnOnlyWhereTheRuleListsItR7) {
  Policy policy = PolicyOf({RuleOf("any", {Method::kCertSameCa, Method::kPsk})});
  Facts facts = SomeFacts();
  facts.failures = {{Method::kCertSameCa, FailureKind::kCertificateRejected}};
  EXPECT_EQ(On(policy, facts).outcome, Outcome::kCert);
  policy.rules[0].fallback_on = {FailureKind::kNoAnswer};
  EXPECT_EQ(On(policy, facts).outcome, Outcome::kCert);
  policy.rules[0].fallback_on = {FailureKind::kCertificateRejected};
  EXPECT_EQ(On(policy, facts).outcome, Outcome::kPsk);
}

TEST(Decide, KeepsTheFailedMethodWhereThereIsNoOtherR7) {
  Policy policy = PolicyOf({RuleOf("any", {Method::kCertSameCa, Method::kPsk})});
  policy.rules[0].fallback_on = {FailureKind::kCertificateRejected};
  Facts facts = SomeFacts();
  facts.failures = {{Method::kCertSameCa, FailureKind::kCertificateRejected}};
  facts.neighbour.psk.value = false;
  const Decision decision = On(policy, facts);
  EXPECT_EQ(decision.outcome, Outcome::kCert);
  EXPECT_EQ(decision.reason, Reason::kFailedKept);
}

TEST(Decide, ARevokedNeighbourIsBlockedUnlessTheRuleListsItR41) {
  Policy policy = PolicyOf({RuleOf("any", {Method::kCertSameCa, Method::kPsk})});
  Facts facts = SomeFacts();
  facts.failures = {{Method::kCertSameCa, FailureKind::kRevoked}};
  Decision decision = On(policy, facts);
  EXPECT_EQ(decision.outcome, Outcome::kBlock);
  EXPECT_EQ(decision.reason, Reason::kRevoked);
  EXPECT_FALSE(decision.running_links_stay);
  // Not even a clock that is wrong lets the link stay.
  facts.health.clock_sane = false;
  decision = On(policy, facts);
  EXPECT_EQ(decision.reason, Reason::kRevoked);
  EXPECT_FALSE(decision.running_links_stay);
  facts.health.clock_sane = true;
  policy.rules[0].fallback_on = {FailureKind::kRevoked};
  EXPECT_EQ(On(policy, facts).outcome, Outcome::kPsk);
  // Where nothing later can be taken, the revoked one is not tried again.
  facts.neighbour.psk.value = false;
  EXPECT_EQ(On(policy, facts).reason, Reason::kRevoked);
  // Another method's certificate is another one.
  facts.failures = {{Method::kCertEnrolled, FailureKind::kRevoked}};
  EXPECT_EQ(On(policy, facts).outcome, Outcome::kCert);
}

TEST(Decide, MissingFeatureBlocksAndSaysSoR3) {
  Facts facts = SomeFacts();
  facts.self.ipsec = false;
  Decision decision = On(PolicyOf({RuleOf("any", {Method::kCertSameCa})}), facts);
  EXPECT_EQ(decision.outcome, Outcome::kBlock);
  EXPECT_EQ(decision.required_but_absent, Feature::kIpsec);
  EXPECT_EQ(On(PolicyOf({TrustedRule()}), facts).outcome, Outcome::kTrusted);
  facts = SomeFacts();
  facts.self.cmpv2 = false;
  decision = On(PolicyOf({RuleOf("any", {Method::kCertEnrolled})}), facts);
  EXPECT_EQ(decision.required_but_absent, Feature::kCmpv2);
  EXPECT_EQ(decision.outcome, Outcome::kBlock);
  facts = SomeFacts();
  facts.self.keydist = false;
  decision = On(PolicyOf({RuleOf("any", {Method::kPsk})}), facts);
  EXPECT_EQ(decision.required_but_absent, Feature::kKeydist);
  EXPECT_EQ(decision.outcome, Outcome::kBlock);
}

TEST(Decide, ExpiryAndClockHoldRunningLinksR57) {
  const Policy policy = PolicyOf({RuleOf("any", {Method::kCertSameCa})});
  Facts facts = SomeFacts();
  facts.now = kNow + absl::Hours(2);
  Decision decision = On(policy, facts);
  EXPECT_EQ(decision.reason, Reason::kPolicyExpired);
  EXPECT_TRUE(decision.running_links_stay);
  EXPECT_EQ(decision.terms.max_sa_age, absl::Hours(24));
  facts = SomeFacts();
  facts.health.clock_sane = false;
  decision = On(policy, facts);
  EXPECT_EQ(decision.reason, Reason::kClockNotSane);
  EXPECT_TRUE(decision.running_links_stay);
  decision = On(PolicyOf({RuleOf("shut", {Method::kBlock})}), facts);
  EXPECT_FALSE(decision.running_links_stay);
}

TEST(Decide, NewsCountsForTheAnchorsOfThePathR41) {
  Policy policy = PolicyOf({RuleOf("any", {Method::kCertSameCa})});
  policy.rules[0].revocation = Revocation{RevocationMode::kGrace, absl::Hours(1)};
  Facts facts = SomeFacts();
  const common::SpkiHash ours = facts.self.vendor_anchors.front();
  const common::SpkiHash another = common::SpkiHash::Of("another");
  facts.health.revocation_by_anchor = {{ours, absl::Minutes(59)}, {another, absl::InfiniteDuration()}};
  EXPECT_EQ(On(policy, facts).outcome, Outcome::kCert);
  facts.health.revocation_by_anchor[0].stale_for = absl::Minutes(61);
  EXPECT_EQ(On(policy, facts).reason, Reason::kRevocationNewsStale);
}

TEST(Decide, StrictNeedsASourceOfNewsR41) {
  Policy policy = PolicyOf({RuleOf("any", {Method::kCertSameCa})});
  Facts facts = SomeFacts();
  facts.health.revocation_by_anchor = {{facts.self.vendor_anchors.front(), std::nullopt}};
  EXPECT_EQ(On(policy, facts).outcome, Outcome::kCert);
  policy.rules[0].revocation = Revocation{RevocationMode::kStrict, {}};
  EXPECT_EQ(On(policy, facts).reason, Reason::kRevocationNotChecked);
}

TEST(Decide, StaleRevocationNewsBlockByTheRulesModeR41) {
  Policy policy = PolicyOf({RuleOf("any", {Method::kCertSameCa})});
  Facts facts = SomeFacts();
  facts.health.revocation_stale_for = absl::Hours(25);
  EXPECT_EQ(On(policy, facts).reason, Reason::kRevocationNewsStale);
  facts.health.revocation_stale_for = absl::Hours(23);
  EXPECT_EQ(On(policy, facts).outcome, Outcome::kCert);
  policy.rules[0].revocation = Revocation{RevocationMode::kStrict, {}};
  EXPECT_EQ(On(policy, facts).outcome, Outcome::kBlock);
  policy.rules[0].revocation = Revocation{RevocationMode::kSoft, {}};
  facts.health.revocation_stale_for = absl::InfiniteDuration();
  EXPECT_EQ(On(policy, facts).outcome, Outcome::kCert);
}

TEST(Decide, UnknownValuesFailClosed) {
  Policy policy = PolicyOf({RuleOf("any", {static_cast<Method>(99)})});
  EXPECT_EQ(On(policy, SomeFacts()).reason, Reason::kUnknownMethod);
  policy = PolicyOf({RuleOf("any", {Method::kPsk})});
  Facts facts = SomeFacts();
  facts.neighbour.kind.value = static_cast<Kind>(99);
  EXPECT_EQ(On(policy, facts).outcome, Outcome::kBlock);
  policy = PolicyOf({RuleOf("any", {Method::kCertSameCa})});
  policy.rules[0].revocation = Revocation{static_cast<RevocationMode>(99), {}};
  EXPECT_EQ(On(policy, SomeFacts()).outcome, Outcome::kBlock);
  policy.rules[0].revocation.reset();
  policy.schema = 2;
  EXPECT_EQ(On(policy, SomeFacts()).outcome, Outcome::kBlock);
}

TEST(Decide, CsgPreconditionsR10) {
  Rule rule = RuleOf("same-csg", {Method::kCertSameCa});
  rule.match.same_csg = true;
  rule.match.access_modes = {AccessMode::kOpen, AccessMode::kHybrid};
  Facts facts = SomeFacts();
  facts.self.csg_id = 5;
  facts.neighbour.csg_id = {5U, Source::kOam};
  facts.neighbour.access_mode = {AccessMode::kHybrid, Source::kOam};
  EXPECT_EQ(On(PolicyOf({rule}), facts).outcome, Outcome::kCert);
  facts.neighbour.csg_id.value = 6U;
  EXPECT_EQ(On(PolicyOf({rule}), facts).rules_looked_at.at(0), MatchField::kSameCsg);
  facts.neighbour.csg_id.value.reset();
  EXPECT_EQ(On(PolicyOf({rule}), facts).outcome, Outcome::kBlock);
  facts.neighbour.access_mode.value = AccessMode::kClosed;
  EXPECT_EQ(On(PolicyOf({rule}), facts).rules_looked_at.at(0), MatchField::kAccessModes);
}

TEST(Decide, CsgOfTheNeighbourMustBeListedR10) {
  Rule rule = RuleOf("csg", {Method::kCertSameCa});
  rule.match.csg_ids = {5U, 9U};
  Facts facts = SomeFacts();
  facts.neighbour.csg_id = {9U, Source::kOam};
  EXPECT_EQ(On(PolicyOf({rule}), facts).outcome, Outcome::kCert);
  facts.neighbour.csg_id.value = 6U;
  EXPECT_EQ(On(PolicyOf({rule}), facts).rules_looked_at.at(0), MatchField::kCsgIds);
  facts.neighbour.csg_id.value.reset();
  EXPECT_EQ(On(PolicyOf({rule}), facts).rules_looked_at.at(0), MatchField::kCsgIds);
}

TEST(Decide, RefusesItsOwnIdentityAndForeignAudiences) {
  Facts facts = SomeFacts();
  facts.neighbour.id = Id(kSelfId);
  EXPECT_EQ(On(PolicyOf({RuleOf("any", {Method::kCertSameCa})}), facts).reason, Reason::kNeighbourIsSelf);
  facts = SomeFacts();
  facts.self.id = Id("henb-a.elsewhere.example");
  EXPECT_EQ(On(PolicyOf({RuleOf("any", {Method::kCertSameCa})}), facts).reason, Reason::kNotInAudience);
}

}  // namespace
}  // namespace henb::policy::test
