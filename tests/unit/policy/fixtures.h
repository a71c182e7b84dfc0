// Policies and facts that tests start from.
#pragma once

#include <string>
#include <vector>

#include "policy/decide.h"
#include "policy/facts.h"
#include "policy/policy.h"

namespace henb::policy::test {

inline constexpr char kSelfId[] = "henb-a.site.example";
inline constexpr char kPeerId[] = "henb-b.site.example";

inline const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
inline const common::SpkiHash kVendorAnchor = common::SpkiHash::Of("vendor");
inline const common::SpkiHash kOtherAnchor = common::SpkiHash::Of("other vendor");
inline const common::SpkiHash kOperatorAnchor = common::SpkiHash::Of("operator");

inline common::HenbId Id(std::string_view text) { return common::HenbId::Parse(text).value(); }
inline common::IpAddress Ip(std::string_view text) { return common::IpAddress::Parse(text).value(); }
inline common::Cidr Net(std::string_view text) { return common::Cidr::Parse(text).value(); }

inline Rule RuleOf(std::string id, std::vector<Method> methods) {
  Rule rule;
  rule.id = std::move(id);
  rule.methods = std::move(methods);
  return rule;
}

inline Rule TrustedRule(std::string id = "wire") {
  Rule rule = RuleOf(std::move(id), {Method::kTrusted});
  rule.match.interfaces = {"wire0"};
  rule.match.networks = {Net("10.9.5.0/24")};
  return rule;
}

/// In force at kNow for kSelfId, with an enrolment section.
inline Policy PolicyOf(std::vector<Rule> rules) {
  Policy policy;
  policy.operator_name = "operator.example";
  policy.audience = {IdPattern::Parse("*.site.example").value()};
  policy.version = 7;
  policy.not_before = kNow - absl::Hours(1);
  policy.not_after = kNow + absl::Hours(1);
  policy.rules = std::move(rules);
  policy.enrolment = Enrolment{"http://10.0.0.1:829/pkix/", "/O=Operator/CN=RA"};
  return policy;
}

/// A HeNB of the same vendor on wire0, all of it OAM's word; everything healthy.
inline Facts SomeFacts() {
  Facts facts;
  facts.now = kNow;
  facts.self.id = Id(kSelfId);
  facts.self.vendor_anchors = {kVendorAnchor};
  facts.self.operator_anchors = {kOperatorAnchor};
  NeighbourRecord record;
  record.id = Id(kPeerId);
  record.kind = Kind::kHenb;
  record.x2c_addresses = {Ip("10.9.5.2")};
  record.interface = "wire0";
  record.issuer_spki_sha256 = kVendorAnchor;
  record.cmpv2 = true;
  record.psk = true;
  facts.neighbour = FactsOf(record, Source::kOam);
  return facts;
}

}  // namespace henb::policy::test
