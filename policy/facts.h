// What is known when a decision is taken, each fact with where it came from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/digest.h"
#include "common/henb_id.h"
#include "common/ip_address.h"
#include "policy/policy.h"

namespace henb::policy {

/// Who says so, the strongest first. Set by the interface that took the fact, never by a file. kUnverified (ANR, X2
/// TNL, reported by RRM/SON) may match a rule, and never causes a method to be skipped.
enum class Source : std::uint8_t { kPolicy = 1, kOam = 2, kLocal = 3, kKeydist = 4, kUnverified = 5 };

/// A neighbour as a file or a message describes it (MESSAGES "Neighbour record"); what is absent is not known.
struct NeighbourRecord {
  common::HenbId id;
  std::optional<Kind> kind;
  std::vector<common::IpAddress> x2c_addresses;
  std::vector<common::IpAddress> x2u_addresses;
  std::optional<common::IpAddress> ike_address;
  std::optional<std::string> interface;
  std::optional<common::SpkiHash> issuer_spki_sha256;  ///< Trust anchor of its certificate.
  std::optional<bool> cmpv2;                           ///< capabilities.cmpv2
  std::optional<bool> psk;                             ///< capabilities.psk
  std::optional<std::uint32_t> csg_id;
  std::optional<AccessMode> access_mode;
  friend bool operator==(const NeighbourRecord&, const NeighbourRecord&) = default;

  /// Where pluto finds it: ike_address, else the first X2 address.
  [[nodiscard]] std::optional<common::IpAddress> IkeAddress() const;
};

/// A fact and its source; without a value it is not known.
template <typename T>
struct Fact {
  std::optional<T> value;
  Source source = Source::kUnverified;

  [[nodiscard]] bool known() const { return value.has_value(); }
  /// Good enough to skip a method.
  [[nodiscard]] bool verified() const { return value.has_value() && source != Source::kUnverified; }
};

struct NeighbourFacts {
  common::HenbId id;
  Source id_source = Source::kUnverified;
  Fact<Kind> kind;
  Fact<std::vector<common::IpAddress>> x2_addresses;  ///< X2-C and X2-U; without either the IKE address.
  Fact<std::string> interface;                        ///< The one it is reached through.
  Fact<std::vector<common::SpkiHash>> issuers;        ///< The key service's record may hold several.
  Fact<bool> cmpv2;
  Fact<bool> psk;
  Fact<std::uint32_t> csg_id;
  Fact<AccessMode> access_mode;
};

[[nodiscard]] NeighbourFacts FactsOf(const NeighbourRecord& record, Source source);
/// Takes from `other` what `facts` does not know or knows from a weaker source. The ids must be the same.
void Merge(NeighbourFacts* facts, const NeighbourFacts& other);

/// What this device is and can do, all LOCAL. What was left out at build time or is off at run time is false (R3).
struct SelfFacts {
  common::HenbId id;
  std::vector<common::SpkiHash> vendor_anchors;    ///< Its own vendor certificate's; a CERT_SAME_CA needs one of these.
  std::vector<common::SpkiHash> operator_anchors;  ///< Provisioned or got by enrolment; for CERT_ENROLLED alone.
  bool ipsec = true;
  bool cmpv2 = true;
  bool keydist = true;  ///< Built in, on, and a key service is configured.
  std::optional<std::uint32_t> csg_id;
  std::optional<AccessMode> access_mode;
};

/// News about one anchor's certificates on this device.
struct AnchorNews {
  common::SpkiHash anchor;
  std::optional<absl::Duration> stale_for;  ///< As Health's; none: no source of news is configured for it.
};

struct EnrolmentState {
  bool self_enrolled = false;  ///< This device holds a valid operator certificate.
  bool peer_enrolled = false;  ///< Proven: IKE with the operator certificate succeeded.
};

/// Health can only turn a result into BLOCK.
struct Health {
  bool clock_sane = true;  ///< R57.
  bool backhaul_up = true;
  /// How long fresh revocation news on the neighbour's path has been missing: zero when fresh, infinite when there
  /// never was any.
  absl::Duration revocation_stale_for = absl::ZeroDuration();
  /// The same for each anchor by itself; it counts for certificates whose path ends there.
  std::vector<AnchorNews> revocation_by_anchor{};
};

/// A method that was tried on this link and failed. The caller forgets failures when the facts, the policy or the
/// credentials they were seen under have changed.
struct Failure {
  Method method = Method::kCertSameCa;
  FailureKind kind = FailureKind::kAuthenticationFailed;
  friend bool operator==(const Failure&, const Failure&) = default;
};

struct Facts {
  NeighbourFacts neighbour;
  SelfFacts self;
  EnrolmentState enrolment;
  Health health;
  std::vector<Failure> failures;  ///< Seen so far.
  absl::Time now = absl::InfinitePast();
};

}  // namespace henb::policy
