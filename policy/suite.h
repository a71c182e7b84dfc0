// Cipher suites of a link: the approved ones, and no others can be said (R13; TS 33.210, RFC 8247, RFC 8221).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace henb::policy {

/// Cipher, hash (PRF of IKE; integrity of IKE and ESP where the cipher is CBC) and Diffie–Hellman group: one for IKE
/// and ESP alike.
enum class Suite : std::uint8_t {
  kAes256Gcm16Sha256Dh19 = 1,
  kAes256Gcm16Sha384Dh20 = 2,
  kAes128Gcm16Sha256Dh19 = 3,
  kAes256Gcm16Sha256Dh14 = 4,
  kAes128Gcm16Sha256Dh14 = 5,
  kAes256CbcSha256Dh19 = 6,
  kAes256CbcSha384Dh20 = 7,
  kAes128CbcSha256Dh19 = 8,
  kAes256CbcSha256Dh14 = 9,
  kAes128CbcSha256Dh14 = 10,
};

/// All of R13, the preferred first: what a rule without `suites` offers.
[[nodiscard]] const std::vector<Suite>& DefaultSuites();

/// whack's notation, e.g. "aes_gcm256-sha2_256-ecp256". Empty for a value that is not enumerated: offers nothing.
[[nodiscard]] std::string_view IkeProposal(Suite suite);
/// whack's notation, e.g. "aes_gcm256-none-ecp256" (PFS with the suite's group).
[[nodiscard]] std::string_view EspProposal(Suite suite);

/// What a link offers for IKE, the preferred first, each once.
[[nodiscard]] std::vector<std::string> IkeProposals(const std::vector<Suite>& suites);
/// What a link offers for ESP, likewise, all with the first suite's Diffie–Hellman group: pluto 4.10 refuses a
/// connection with two groups for child SAs ("requires unimplemented CHILD_SA INVALID_KE", RFC 7296 §1.3).
[[nodiscard]] std::vector<std::string> EspProposals(const std::vector<Suite>& suites);

/// Name in JSON, e.g. "AES256_GCM16_SHA2_256_DH19".
[[nodiscard]] std::string_view SuiteName(Suite suite);
/// InvalidArgument says whether the suite is refused (3DES, SHA-1, MD5, NULL, AH, DH 1/2/5/22–24: R12, R13) or not
/// known.
[[nodiscard]] absl::StatusOr<Suite> ParseSuite(std::string_view name);

}  // namespace henb::policy
