// The enrolment section of a policy: where devices get their operator certificates, and what they may trust on the way.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/digest.h"
#include "common/ip_address.h"

namespace henb::policy {

enum class Transport : std::uint8_t { kBackhaul = 1, kInitialIpsec = 2, kDirect = 3 };
/// What protects a device's first request to the RA/CA (R26, R36).
enum class EnrolmentCredential : std::uint8_t { kVendorCertificate = 1, kMacSecret = 2 };

/// Whose root the NEM's TLS certificate must end at.
enum class NemTrust : std::uint8_t { kOperatorRoot = 1, kVendorRoot = 2 };

/// R61: the operator's root, taken where a cross-certificate leads from the vendor root to it. One of the two names it.
struct LateBinding {
  std::optional<common::SpkiHash> root_spki;
  std::string root_subject;  ///< "/O=…/CN=…"; empty: not by name.
  friend bool operator==(const LateBinding&, const LateBinding&) = default;
};

struct Enrolment {
  std::string server_url;  ///< http(s)://host[:port][/path] of the RA/CA. Empty: through the NEM.
  std::string recipient;   ///< Its subject DN, "/O=…/CN=…".
  Transport transport = Transport::kBackhaul;
  bool require_pkiconf = true;          ///< R29.
  bool allow_implicit_confirm = false;  ///< R29.
  EnrolmentCredential credential = EnrolmentCredential::kVendorCertificate;
  std::vector<common::SpkiHash> pinned_roots{};  ///< R27: may be taken from extraCerts or caPubs.
  std::optional<LateBinding> late_binding{};
  std::string nem_url{};                           ///< R39: https://host[:port]. Empty: the RA/CA itself is asked.
  std::optional<common::IpAddress> nem_address{};  ///< Of its host, where that is a name.
  NemTrust nem_trust = NemTrust::kOperatorRoot;
  friend bool operator==(const Enrolment&, const Enrolment&) = default;
};

}  // namespace henb::policy
