// R1: every combination of the facts that matter, against an oracle that knows nothing of the code: it reads like
// DESIGN 3.
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/policy/fixtures.h"

namespace henb::policy::test {
namespace {

enum class Issuer { kUnknown, kSame, kOther, kOperator, kClaimedSame, kClaimedOther };
enum class Word { kUnknown, kYes, kNo, kClaimedNo };
enum class What { kUnknown, kHenb, kEnb, kClaimedHenb, kClaimedEnb };

struct Case {
  std::vector<Method> methods;
  bool listed = false;  // The rule lists AUTHENTICATION_FAILED.
  Issuer issuer = Issuer::kSame;
  Word cmpv2 = Word::kYes;
  Word psk = Word::kYes;
  What kind = What::kHenb;
  bool ipsec = true, cmp = true, keydist = true;
  bool self_enrolled = false, peer_enrolled = false;
  bool server = true;
  bool first_failed = false, all_failed = false;  // AUTHENTICATION_FAILED seen.
  std::string health = "good";
};

// What one method comes to: an outcome, "skip" or "shut".
std::string OneMethod(const Case& c, Method method) {
  if (method == Method::kTrusted) return c.methods.size() == 1 ? "TRUSTED" : "shut";
  if (method == Method::kBlock || !c.ipsec) return "shut";
  if (method == Method::kCertSameCa)
    return c.issuer == Issuer::kOther || c.issuer == Issuer::kOperator ? "skip" : "CERT";
  if (method == Method::kCertEnrolled) {
    if (c.cmpv2 == Word::kNo && !c.peer_enrolled && c.issuer != Issuer::kOperator) return "skip";
    if (c.self_enrolled && c.peer_enrolled) return "CERT";
    if (c.self_enrolled) return "ENROL PEER";
    return c.cmp && c.server ? "ENROL SELF" : "skip";
  }
  if (method == Method::kPsk) {
    if (c.kind == What::kEnb) return "skip";
    if (c.kind == What::kUnknown || c.kind == What::kClaimedEnb) return "shut";
    return c.psk == Word::kNo || !c.keydist ? "skip" : "PSK";
  }
  return "shut";
}

std::string Oracle(const Case& c) {
  std::string result = "BLOCK";
  std::string kept;
  for (std::size_t i = 0; i < c.methods.size(); ++i) {
    const std::string one = OneMethod(c, c.methods[i]);
    const bool failed = c.all_failed || (c.first_failed && i == 0);
    if (one == "skip") continue;
    if (one == "shut") break;
    if (failed && c.listed && c.methods[i] != Method::kTrusted) {
      kept = one;
      continue;
    }
    result = one;
    break;
  }
  if (result == "BLOCK" && !kept.empty()) result = kept;
  if (c.health == "clock" || c.health == "expired" || c.health == "early") return "BLOCK";
  if (c.health == "backhaul" && (result == "PSK" || result == "ENROL SELF")) return "BLOCK";
  if (c.health == "revocation" && (result == "CERT" || result == "ENROL PEER")) return "BLOCK";
  return result;
}

template <typename T>
void Set(Fact<T>* fact, std::optional<T> value, bool claimed = false) {
  fact->value = std::move(value);
  fact->source = claimed ? Source::kUnverified : Source::kOam;
}

Facts FactsFor(const Case& c) {
  static const Facts kBase = SomeFacts();
  Facts facts = kBase;
  auto* issuers = &facts.neighbour.issuers;
  switch (c.issuer) {
    case Issuer::kUnknown:
      issuers->value.reset();
      break;
    case Issuer::kSame:
      Set(issuers, {{kVendorAnchor}});
      break;
    case Issuer::kOther:
      Set(issuers, {{kOtherAnchor}});
      break;
    case Issuer::kOperator:
      Set(issuers, {{kOperatorAnchor}});
      break;
    case Issuer::kClaimedSame:
      Set(issuers, {{kVendorAnchor}}, true);
      break;
    case Issuer::kClaimedOther:
      Set(issuers, {{kOtherAnchor}}, true);
      break;
  }
  const auto say = [](Word word, Fact<bool>* fact) {
    Set(fact, word == Word::kUnknown ? std::nullopt : std::optional(word == Word::kYes), word == Word::kClaimedNo);
  };
  say(c.cmpv2, &facts.neighbour.cmpv2);
  say(c.psk, &facts.neighbour.psk);
  const bool enb = c.kind == What::kEnb || c.kind == What::kClaimedEnb;
  Set(&facts.neighbour.kind, c.kind == What::kUnknown ? std::nullopt : std::optional(enb ? Kind::kEnb : Kind::kHenb),
      c.kind == What::kClaimedHenb || c.kind == What::kClaimedEnb);
  facts.self.ipsec = c.ipsec;
  facts.self.cmpv2 = c.cmp;
  facts.self.keydist = c.keydist;
  facts.enrolment = {c.self_enrolled, c.peer_enrolled};
  for (std::size_t i = 0; i < c.methods.size(); ++i) {
    if (c.all_failed || (c.first_failed && i == 0)) {
      facts.failures.push_back({c.methods[i], FailureKind::kAuthenticationFailed});
    }
  }
  facts.health.clock_sane = c.health != "clock";
  facts.health.backhaul_up = c.health != "backhaul";
  if (c.health == "revocation") facts.health.revocation_stale_for = absl::InfiniteDuration();
  if (c.health == "expired") facts.now = kNow + absl::Hours(1);
  if (c.health == "early") facts.now = kNow - absl::Hours(2);
  return facts;
}

Policy PolicyFor(const Case& c) {
  Rule rule = TrustedRule("rule");
  rule.methods = c.methods;
  if (c.listed) rule.fallback_on = {FailureKind::kAuthenticationFailed};
  Policy policy = PolicyOf({std::move(rule)});
  if (!c.server) policy.enrolment.reset();
  return policy;
}

std::string Real(const Policy& policy, const Case& c) {
  const Decision decision = Decide(&policy, FactsFor(c));
  switch (decision.outcome) {
    case Outcome::kBlock:
      return "BLOCK";
    case Outcome::kCert:
      return "CERT";
    case Outcome::kPsk:
      return "PSK";
    case Outcome::kTrusted:
      return "TRUSTED";
    case Outcome::kEnrol:
      return decision.waiting_for == WaitingFor::kSelf ? "ENROL SELF" : "ENROL PEER";
  }
  return "?";
}

constexpr Method kS = Method::kCertSameCa, kE = Method::kCertEnrolled, kP = Method::kPsk, kT = Method::kTrusted,
                 kB = Method::kBlock;
const std::vector<std::vector<Method>> kMethodLists = {
    {kS}, {kE}, {kP}, {kT}, {kB}, {kS, kE}, {kS, kP}, {kE, kP}, {kS, kE, kP}, {kP, kE, kS}, {kP, kT}};

void Compare(const Policy& policy, const Case& c);

// Every combination of what concerns the neighbour.
void CompareForEveryNeighbour(Case c) {
  const Policy policy = PolicyFor(c);
  for (int issuer = 0; issuer < 6; ++issuer) {
    for (int cmpv2 = 0; cmpv2 < 4; ++cmpv2) {
      for (int psk = 0; psk < 4; ++psk) {
        for (int kind = 0; kind < 5; ++kind) {
          c.issuer = static_cast<Issuer>(issuer);
          c.cmpv2 = static_cast<Word>(cmpv2);
          c.psk = static_cast<Word>(psk);
          c.kind = static_cast<What>(kind);
          Compare(policy, c);
        }
      }
    }
  }
}

void Compare(const Policy& policy, const Case& c) {
  const std::string expected = Oracle(c);
  const std::string real = Real(policy, c);
  if (expected == real) return;
  std::string methods;
  for (const Method method : c.methods) methods += std::to_string(static_cast<int>(method)) + " ";
  ADD_FAILURE() << "expected " << expected << ", decided " << real << ": methods " << methods << "issuer "
                << static_cast<int>(c.issuer) << " cmpv2 " << static_cast<int>(c.cmpv2) << " psk "
                << static_cast<int>(c.psk) << " kind " << static_cast<int>(c.kind) << " ipsec " << c.ipsec << " cmp "
                << c.cmp << " keydist " << c.keydist << " enrolled " << c.self_enrolled << c.peer_enrolled << " server "
                << c.server << " listed " << c.listed << " failed " << c.first_failed << c.all_failed << " health "
                << c.health;
}

class TruthTable : public ::testing::TestWithParam<std::size_t> {};

// Neighbour, own features, enrolment and server, all healthy: 11 lists of methods by 480 neighbours by 64.
TEST_P(TruthTable, FactsR1) {
  Case c;
  c.methods = kMethodLists[GetParam()];
  for (int bits = 0; bits < 64 && !HasFailure(); ++bits) {
    c.ipsec = (bits & 1) == 0;
    c.cmp = (bits & 2) == 0;
    c.keydist = (bits & 4) == 0;
    c.self_enrolled = (bits & 8) != 0;
    c.peer_enrolled = (bits & 16) != 0;
    c.server = (bits & 32) == 0;
    CompareForEveryNeighbour(c);
  }
}

// Neighbour, failures seen and listed, every health, enrolment: nothing but BLOCK comes of health (R7, R57).
TEST_P(TruthTable, FailuresAndHealthR1R7R57) {
  for (const char* health : {"good", "clock", "expired", "early", "backhaul", "revocation"}) {
    for (int bits = 0; bits < 32 && !HasFailure(); ++bits) {
      Case c;
      c.methods = kMethodLists[GetParam()];
      c.health = health;
      c.listed = (bits & 1) != 0;
      c.first_failed = (bits & 2) != 0;
      c.all_failed = (bits & 4) != 0;
      c.self_enrolled = (bits & 8) != 0;
      c.peer_enrolled = (bits & 16) != 0;
      CompareForEveryNeighbour(c);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryListOfMethods, TruthTable, ::testing::Range(std::size_t{0}, kMethodLists.size()));

}  // namespace
}  // namespace henb::policy::test
