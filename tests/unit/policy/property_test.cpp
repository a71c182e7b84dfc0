// What must hold for any policy and any facts: random ones, from fixed seeds.
#include <gtest/gtest.h>

#include <random>

#include "policy/match.h"
#include "tests/unit/policy/fixtures.h"

namespace henb::policy::test {
namespace {

constexpr int kRounds = 10'000;

class Dice {
 public:
  explicit Dice(unsigned seed) : engine_(seed) {}
  int Below(int n) { return std::uniform_int_distribution<int>(0, n - 1)(engine_); }
  bool Coin() { return Below(2) == 0; }
  template <typename T>
  T Of(const std::vector<T>& list) {
    return list[static_cast<std::size_t>(Below(static_cast<int>(list.size())))];
  }
  template <typename T>
  Fact<T> FactOf(const std::vector<T>& list) {
    Fact<T> fact;
    if (Below(4) != 0) fact.value = Of(list);
    fact.source = Of<Source>({Source::kOam, Source::kLocal, Source::kKeydist, Source::kUnverified});
    return fact;
  }

 private:
  std::mt19937 engine_;
};

const std::vector<common::HenbId> kIds = {Id("henb-b.site.example"), Id("henb-c.site.example"),
                                          Id("enb-1.core.example")};
const std::vector<common::SpkiHash> kAnchors = {kVendorAnchor, kOtherAnchor, kOperatorAnchor};

Rule RandomRule(Dice* dice, int index) {
  static const std::vector<std::vector<Method>> kLists = {{Method::kCertSameCa},
                                                          {Method::kCertSameCa, Method::kCertEnrolled},
                                                          {Method::kCertEnrolled, Method::kPsk},
                                                          {Method::kPsk},
                                                          {Method::kCertSameCa, Method::kPsk},
                                                          {Method::kTrusted},
                                                          {Method::kBlock},
                                                          {Method::kPsk, Method::kTrusted},
                                                          {Method::kTrusted, Method::kPsk},
                                                          {static_cast<Method>(9)}};
  Rule rule = RuleOf("rule-" + std::to_string(index), dice->Of(kLists));
  if (dice->Coin())
    rule.match.neighbours = {
        IdPattern::Parse(dice->Of<std::string>({kPeerId, "*.site.example", "*.core.example"})).value()};
  if (dice->Below(3) == 0) rule.match.kinds = {dice->Of<Kind>({Kind::kHenb, Kind::kEnb})};
  const bool trusted = rule.methods.front() == Method::kTrusted && dice->Below(4) != 0;
  if (trusted || dice->Below(3) == 0) rule.match.interfaces = {dice->Of<std::string>({"wire0", "eth0"})};
  if (trusted || dice->Below(3) == 0)
    rule.match.networks = {dice->Of<common::Cidr>({Net("10.9.5.0/24"), Net("10.0.0.0/8"), Net("fd00::/8")})};
  if (dice->Below(3) == 0) rule.match.issuers = {dice->Of(kAnchors)};
  if (dice->Coin())
    rule.fallback_on = {dice->Of<FailureKind>({FailureKind::kAuthenticationFailed, FailureKind::kNoAnswer})};
  return rule;
}

Policy RandomPolicy(Dice* dice) {
  std::vector<Rule> rules;
  for (int i = dice->Below(5); i >= 0; --i) rules.push_back(RandomRule(dice, i));
  Policy policy = PolicyOf(std::move(rules));
  if (dice->Below(8) == 0) policy.not_after = kNow;
  if (dice->Below(4) == 0) policy.enrolment.reset();
  return policy;
}

Facts RandomFacts(Dice* dice) {
  Facts facts = SomeFacts();
  NeighbourFacts& n = facts.neighbour;
  n.id = dice->Of(kIds);
  n.kind = dice->FactOf<Kind>({Kind::kHenb, Kind::kEnb});
  n.interface = dice->FactOf<std::string>({"wire0", "eth0"});
  n.x2_addresses = dice->FactOf<std::vector<common::IpAddress>>(
      {{Ip("10.9.5.2")}, {Ip("10.9.5.2"), Ip("10.1.1.1")}, {Ip("fd00::2")}});
  n.issuers =
      dice->FactOf<std::vector<common::SpkiHash>>({{kVendorAnchor}, {kOtherAnchor}, {kOperatorAnchor, kOtherAnchor}});
  n.cmpv2 = dice->FactOf<bool>({true, false});
  n.psk = dice->FactOf<bool>({true, false});
  facts.self.ipsec = dice->Below(6) != 0;
  facts.self.cmpv2 = dice->Below(4) != 0;
  facts.self.keydist = dice->Below(4) != 0;
  facts.enrolment = {dice->Coin(), dice->Coin()};
  while (dice->Coin()) {
    facts.failures.push_back(
        {dice->Of<Method>({Method::kCertSameCa, Method::kCertEnrolled, Method::kPsk, Method::kTrusted}),
         dice->Of<FailureKind>({FailureKind::kAuthenticationFailed, FailureKind::kRevoked})});
  }
  return facts;
}

TEST(Property, BlockRuleOnTopNeverOpensAnything) {
  Dice dice(1);
  for (int round = 0; round < kRounds; ++round) {
    const Policy policy = RandomPolicy(&dice);
    const Facts facts = RandomFacts(&dice);
    Policy tighter = policy;
    Rule block = RandomRule(&dice, 99);
    block.methods = {Method::kBlock};
    tighter.rules.insert(tighter.rules.begin(), block);
    const Decision before = Decide(&policy, facts);
    const Decision after = Decide(&tighter, facts);
    ASSERT_TRUE(after.outcome == Outcome::kBlock || after.outcome == before.outcome) << "round " << round;
  }
}

TEST(Property, NothingReachesTrustedWithoutAMatchingTrustedRuleR2) {
  Dice dice(2);
  int reached = 0;
  for (int round = 0; round < kRounds; ++round) {
    const Policy policy = RandomPolicy(&dice);
    const Facts facts = RandomFacts(&dice);
    const Decision decision = Decide(&policy, facts);
    if (decision.outcome != Outcome::kTrusted) continue;
    ++reached;
    const auto rule =
        std::find_if(policy.rules.begin(), policy.rules.end(), [&](const Rule& r) { return r.id == decision.rule; });
    ASSERT_NE(rule, policy.rules.end());
    ASSERT_EQ(rule->methods, std::vector{Method::kTrusted});
    ASSERT_EQ(rule->match.interfaces, std::vector{*facts.neighbour.interface.value});
    ASSERT_EQ(rule->match.networks.size(), 1U);
    for (const auto& address : *facts.neighbour.x2_addresses.value)
      ASSERT_TRUE(rule->match.networks[0].Contains(address));
    ASSERT_NE(facts.neighbour.interface.source, Source::kUnverified);
    ASSERT_LT(facts.now, policy.not_after);
  }
  EXPECT_GT(reached, 20) << "the generator makes too few trusted links for this to say anything";
}

TEST(Property, HealthOnlyBlocksR57) {
  Dice dice(3);
  for (int round = 0; round < kRounds; ++round) {
    const Policy policy = RandomPolicy(&dice);
    Facts facts = RandomFacts(&dice);
    const Decision healthy = Decide(&policy, facts);
    facts.health.clock_sane = dice.Coin();
    facts.health.backhaul_up = dice.Coin();
    facts.health.revocation_stale_for = dice.Coin() ? absl::ZeroDuration() : absl::InfiniteDuration();
    const Decision ill = Decide(&policy, facts);
    ASSERT_TRUE(ill.outcome == Outcome::kBlock || (ill.outcome == healthy.outcome && ill.method == healthy.method));
    ASSERT_EQ(ill.rule, healthy.rule);
  }
}

// Whatever is only claimed leads to the method that is taken when nothing is known of it, or to BLOCK.
TEST(Property, UnverifiedFactsNeverMovePastAMethod) {
  Dice dice(4);
  for (int round = 0; round < kRounds; ++round) {
    Policy policy = RandomPolicy(&dice);
    for (Rule& rule : policy.rules) rule.match = {};  // The same rule matches with and without the claims.
    Facts claimed = RandomFacts(&dice);
    Facts unknown = claimed;
    const auto forget = [](auto* fact) {
      if (fact->source == Source::kUnverified) fact->value.reset();
    };
    forget(&unknown.neighbour.issuers);
    forget(&unknown.neighbour.cmpv2);
    forget(&unknown.neighbour.psk);
    // Of a neighbour whose kind is unknown PSK is refused, so compare with the one that allows most.
    if (unknown.neighbour.kind.source == Source::kUnverified)
      unknown.neighbour.kind = {Kind::kHenb, Source::kUnverified};
    const Decision with = Decide(&policy, claimed);
    const Decision without = Decide(&policy, unknown);
    ASSERT_TRUE(with.outcome == Outcome::kBlock || with.method == without.method || with.reason == Reason::kFailedKept)
        << "round " << round;
  }
}

TEST(Property, UnlistedFailuresChangeNothingR7) {
  Dice dice(5);
  for (int round = 0; round < kRounds; ++round) {
    const Policy policy = RandomPolicy(&dice);
    Facts facts = RandomFacts(&dice);
    facts.failures.clear();
    const Decision before = Decide(&policy, facts);
    facts.failures = {{Method::kCertSameCa, FailureKind::kCertificateRejected},
                      {Method::kCertEnrolled, FailureKind::kEnrolmentRefused},
                      {Method::kPsk, FailureKind::kKeyDenied}};  // None of them is ever listed here.
    const Decision after = Decide(&policy, facts);
    ASSERT_EQ(before.outcome, after.outcome);
    ASSERT_EQ(before.method, after.method);
  }
}

TEST(Property, ExactlyTheRulesUpToTheFirstMatchAreLookedAtR1) {
  Dice dice(6);
  for (int round = 0; round < kRounds; ++round) {
    const Policy policy = RandomPolicy(&dice);
    const Facts facts = RandomFacts(&dice);
    const Decision decision = Decide(&policy, facts);
    for (std::size_t i = 0; i < decision.rules_looked_at.size(); ++i) {
      ASSERT_EQ(decision.rules_looked_at[i], FirstFailedField(policy.rules[i], facts.neighbour, facts.self));
      ASSERT_EQ(decision.rules_looked_at[i] == MatchField::kNone,
                !decision.rule.empty() && i + 1 == decision.rules_looked_at.size());
    }
    if (decision.rule.empty()) {
      ASSERT_EQ(decision.rules_looked_at.size(), policy.rules.size());
    }
  }
}

}  // namespace
}  // namespace henb::policy::test
