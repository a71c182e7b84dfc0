#include "policy/validate.h"

#include <algorithm>
#include <map>

#include "common/strings.h"
#include "policy/enrolment_section.h"
#include "policy/names.h"

namespace henb::policy {
namespace {

constexpr absl::Duration kShortestSaAge = absl::Minutes(2);
constexpr absl::Duration kLongestSaAge = absl::Hours(24 * 30);
constexpr std::uint32_t kWidestReplayWindow = 4096;  // XFRMA_REPLAY_ESN_MAX.

template <typename T>
bool Has(const std::vector<T>& list, const T& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// An absent list (any) covers everything; else each of `later` must be in `earlier`.
template <typename T>
bool Covers(const std::vector<T>& earlier, const std::vector<T>& later) {
  if (earlier.empty()) return true;
  return !later.empty() && std::all_of(later.begin(), later.end(), [&](const T& item) { return Has(earlier, item); });
}

bool CoversIds(const std::vector<IdPattern>& earlier, const std::vector<IdPattern>& later) {
  if (earlier.empty()) return true;
  return !later.empty() && std::all_of(later.begin(), later.end(), [&](const IdPattern& item) {
    return std::any_of(earlier.begin(), earlier.end(), [&](const IdPattern& pattern) { return pattern.Covers(item); });
  });
}

bool CoversNetworks(const Rule& earlier, const Rule& later) {
  if (earlier.match.networks.empty()) return true;
  // A rule that blocks matches when any address is inside, the others when all are.
  if (later.blocks() && !earlier.blocks()) return false;
  const auto& outer = earlier.match.networks;
  const auto& inner = later.match.networks;
  return !inner.empty() && std::all_of(inner.begin(), inner.end(), [&](const common::Cidr& network) {
    return std::any_of(outer.begin(), outer.end(), [&](const common::Cidr& o) { return o.Contains(network); });
  });
}

void JudgeTrusted(const Rule& rule, const std::string& at, Problems* problems) {
  if (rule.methods.size() > 1) {
    problems->Add(at + ".methods", rule.fallback_on.empty()
                                       ? "TRUSTED must be a rule's only method"
                                       : "TRUSTED must be a rule's only method; nothing falls back to it");
    return;
  }
  if (rule.match.interfaces.empty())
    problems->Add(at + ".match.interfaces", "is missing: TRUSTED must name the interface");
  if (rule.match.networks.empty()) problems->Add(at + ".match.networks", "is missing: TRUSTED must name the network");
  for (std::size_t i = 0; i < rule.match.networks.size(); ++i) {
    if (rule.match.networks[i].prefix_length() == 0) {
      problems->Add(common::StrCat(at, ".match.networks[", i, "]"), "is every address: TRUSTED must name the network");
    }
  }
}

void JudgeFallback(const Rule& rule, const std::string& at, Problems* problems) {
  if (rule.fallback_on.empty()) return;
  if (rule.methods.size() < 2) {
    problems->Add(at + ".fallback_on", "there is no later method to fall back to");
    return;
  }
  const std::vector<Method> before_last(rule.methods.begin(), rule.methods.end() - 1);
  for (std::size_t i = 0; i < rule.fallback_on.size(); ++i) {
    const FailureKind kind = rule.fallback_on[i];
    std::vector<Method> concerned = {Method::kCertSameCa, Method::kCertEnrolled, Method::kPsk};
    if (kind == FailureKind::kEnrolmentRefused || kind == FailureKind::kEnrolmentUnreachable) {
      concerned = {Method::kCertEnrolled};
    } else if (kind == FailureKind::kKeyDenied || kind == FailureKind::kKeyServiceUnreachable) {
      concerned = {Method::kPsk};
    } else if (kind == FailureKind::kRevoked || kind == FailureKind::kRevocationUnavailable ||
               kind == FailureKind::kCertificateRejected) {
      concerned = {Method::kCertSameCa, Method::kCertEnrolled};
    }
    if (std::none_of(concerned.begin(), concerned.end(), [&](Method m) { return Has(before_last, m); })) {
      problems->Add(common::StrCat(at, ".fallback_on[", i, "]"),
                    common::StrCat(Name(kind), " can't happen to a method that has a later one"));
    }
  }
}

void JudgeMethods(const Policy& policy, const Rule& rule, const std::string& at, Problems* problems) {
  if (Has(rule.methods, Method::kTrusted)) JudgeTrusted(rule, at, problems);
  if (Has(rule.methods, Method::kBlock) && rule.methods.size() > 1) {
    problems->Add(at + ".methods", "BLOCK must be a rule's only method");
  }
  if (Has(rule.methods, Method::kPsk) && Has(rule.match.kinds, Kind::kEnb)) {
    problems->Add(at + ".methods", "PSK is refused for eNBs, and the rule matches kind ENB");
  }
  JudgeFallback(rule, at, problems);
  if (rule.methods == std::vector{Method::kCertEnrolled} && !policy.enrolment.has_value()) {
    problems->Warn(at + ".methods",
                   "CERT_ENROLLED without an enrolment section: only devices that have enrolled before");
  }
}

void JudgeRevocation(const Revocation& revocation, const std::string& at, Problems* problems) {
  if (revocation.mode != RevocationMode::kGrace) return;
  if (revocation.grace == absl::ZeroDuration()) problems->Add(at + ".grace", "is zero: say STRICT instead");
  if (revocation.grace > kLongestSaAge) problems->Add(at + ".grace", "is more than 30 days");
}

void JudgeRule(const Policy& policy, const Rule& rule, const std::string& at, Problems* problems) {
  JudgeMethods(policy, rule, at, problems);
  if (rule.replay_window == 0) problems->Add(at + ".replay_window", "0 switches replay protection off, and is refused");
  if (rule.replay_window > kWidestReplayWindow) {
    problems->Add(at + ".replay_window", common::StrCat(rule.replay_window, " is more than ", kWidestReplayWindow));
  }
  if (rule.max_sa_age < kShortestSaAge || rule.max_sa_age > kLongestSaAge) {
    problems->Add(at + ".max_sa_age", "is not from 2 minutes to 30 days");
  }
  if (rule.revocation.has_value()) JudgeRevocation(*rule.revocation, at + ".revocation", problems);
}

void JudgeDn(const std::string& text, const std::string& at, const char* example, Problems* problems) {
  const auto parts = common::Split(std::string_view(text).substr(1), '/');
  const bool dn = text.starts_with("/") && std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
                    const auto equals = part.find('=');
                    return equals != std::string_view::npos && equals > 0 && equals + 1 < part.size();
                  });
  if (!dn) problems->Add(at, common::StrCat(common::Quoted(text), " is not a subject DN as in \"", example, "\""));
}

/// "https://host[:port]", or "[v6]" as host.
std::string_view HostOfNem(std::string_view url) {
  if (!url.starts_with("https://")) return {};
  std::string_view host = url.substr(8);
  if (host.find_first_of(" @?#/") != std::string_view::npos) return {};
  const std::size_t bracket = host.find(']');
  if (host.starts_with('['))
    return bracket == std::string_view::npos ? std::string_view() : host.substr(1, bracket - 1);
  return host.substr(0, host.find(':'));
}

void JudgeNem(const Enrolment& enrolment, Problems* problems) {
  const std::string_view host = HostOfNem(enrolment.nem_url);
  if (host.empty()) {
    problems->Add("enrolment.nem_url",
                  common::StrCat(common::Quoted(enrolment.nem_url), " is not https://host[:port]"));
  } else if (common::IpAddress::Parse(host).ok() == enrolment.nem_address.has_value()) {
    if (enrolment.nem_address.has_value()) {
      problems->Add("enrolment.nem_address", "nem_url has an address itself");
    } else if (enrolment.transport == Transport::kBackhaul) {
      problems->Add("enrolment.nem_address", "is missing: with BACKHAUL the guard must know the NEM's address");
    }
  }
  if (enrolment.credential == EnrolmentCredential::kMacSecret) {
    problems->Add("enrolment.credential", "MAC_SECRET is between device and RA/CA, and never goes through a NEM");
  }
  if (enrolment.late_binding.has_value() || !enrolment.pinned_roots.empty()) {
    problems->Add(enrolment.late_binding.has_value() ? "enrolment.late_binding" : "enrolment.pinned_roots",
                  "no root is taken from a NEM");
  }
}

}  // namespace

void JudgeEnrolment(const Enrolment& enrolment, Problems* problems) {
  if (!enrolment.nem_url.empty()) return JudgeNem(enrolment, problems);
  if (enrolment.nem_address.has_value()) problems->Add("enrolment.nem_address", "without nem_url");
  const std::string_view url = enrolment.server_url;
  const bool https = url.starts_with("https://");
  const std::string_view rest = url.substr(std::min(url.size(), https ? 8U : std::size_t{7}));
  const std::string_view host = rest.substr(0, rest.find('/'));
  if ((!https && !url.starts_with("http://")) || host.empty() || host.find_first_of(" @?#") != std::string_view::npos) {
    problems->Add("enrolment.server_url",
                  common::StrCat(common::Quoted(url), " is not http://host[:port][/path] or https://…"));
  }
  JudgeDn(enrolment.recipient, "enrolment.recipient", "/O=Operator/CN=RA", problems);
  if (enrolment.credential == EnrolmentCredential::kMacSecret && enrolment.transport == Transport::kDirect) {
    problems->Add("enrolment.credential", "MAC_SECRET outside IPsec: transport DIRECT is refused for it");
  }
  if (!enrolment.late_binding.has_value()) return;
  const LateBinding& late = *enrolment.late_binding;
  if (late.root_spki.has_value() == !late.root_subject.empty()) {
    problems->Add("enrolment.late_binding", "names the operator's root by exactly one of root_spki and root_subject");
  } else if (!late.root_subject.empty()) {
    JudgeDn(late.root_subject, "enrolment.late_binding.root_subject", "/O=Operator/CN=Root", problems);
  }
}

bool Shadows(const Rule& earlier, const Rule& later) {
  const Match& a = earlier.match;
  const Match& b = later.match;
  return CoversIds(a.neighbours, b.neighbours) && Covers(a.kinds, b.kinds) && Covers(a.interfaces, b.interfaces) &&
         CoversNetworks(earlier, later) && Covers(a.issuers, b.issuers) && Covers(a.csg_ids, b.csg_ids) &&
         Covers(a.access_modes, b.access_modes) && (!a.same_csg.has_value() || a.same_csg == b.same_csg);
}

void Validate(const Policy& policy, Problems* problems) {
  if (policy.version == 0) problems->Add("version", "0 is not a version; they begin at 1");
  if (policy.not_after <= policy.not_before) problems->Add("not_after", "is not after not_before");
  if (policy.audience.empty()) problems->Add("audience", "is missing");
  if (policy.rules.empty()) problems->Add("rules", "is missing");
  if (policy.enrolment.has_value()) JudgeEnrolment(*policy.enrolment, problems);
  JudgeRevocation(policy.revocation_default, "revocation_default", problems);
  if (policy.backhaul.trusted && policy.backhaul.interface.empty()) {
    problems->Add("backhaul.interface", "is missing: a trusted backhaul must name its interface");
  }
  std::map<std::string, std::size_t> ids;
  for (std::size_t i = 0; i < policy.rules.size(); ++i) {
    const Rule& rule = policy.rules[i];
    const std::string at = common::StrCat("rules[", i, "]");
    const auto [first, fresh] = ids.emplace(rule.id, i);
    if (!fresh)
      problems->Add(at + ".id",
                    common::StrCat(common::Quoted(rule.id), " is the id of rules[", first->second, "] too"));
    JudgeRule(policy, rule, at, problems);
    const auto shadow = std::find_if(policy.rules.begin(), policy.rules.begin() + static_cast<std::ptrdiff_t>(i),
                                     [&](const Rule& earlier) { return Shadows(earlier, rule); });
    if (shadow != policy.rules.begin() + static_cast<std::ptrdiff_t>(i)) {
      problems->Add(at, common::StrCat("can never match: rules[", shadow - policy.rules.begin(), "] (",
                                       common::Quoted(shadow->id), ") matches whatever it matches"));
    }
  }
}

}  // namespace henb::policy
