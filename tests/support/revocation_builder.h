// Making revocation lists and OCSP answers, good ones and such as must be refused.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/certificate.h"
#include "tests/support/openssl_ptr.h"

namespace henb::tests {

/// What a list shall say. A value.
struct ListSpec {
  std::vector<std::string> revoked{};  ///< Serials, hexadecimal.
  absl::Time this_update = absl::FromUnixSeconds(1'800'000'000);
  absl::Time next_update = absl::FromUnixSeconds(1'800'000'000) + absl::Hours(24);  ///< InfinitePast: none.
  int number = 1;                                                                   ///< Negative: none.
  std::string digest = "SHA256";
  bool version_2 = true;
  std::string list_extension{};   ///< OID of one more, critical; "delta" for a delta's.
  std::string entry_extension{};  ///< OID of a critical one in the first entry.
};

/// DER. InvalidArgument where it can't be encoded.
[[nodiscard]] absl::StatusOr<std::string> BuildList(const ListSpec& spec, const common::Certificate& issuer,
                                                    EVP_PKEY* issuer_key);

/// What an OCSP answer shall say.
struct OcspSpec {
  enum class Status { kGood, kRevoked, kUnknown };
  Status status = Status::kGood;
  absl::Time this_update = absl::FromUnixSeconds(1'800'000'000);
  absl::Time next_update = absl::FromUnixSeconds(1'800'000'000) + absl::Hours(1);  ///< InfinitePast: none.
  std::string nonce{};                                                             ///< Empty: none.
  std::string digest = "SHA256";
  bool sha1_id = false;  ///< The certificate is named by SHA-1, as old responders do.
};

/// DER: about `serial` of `issuer`, signed by `signer` whose certificate goes along.
[[nodiscard]] absl::StatusOr<std::string> BuildOcspAnswer(const OcspSpec& spec, const common::Certificate& issuer,
                                                          const std::string& serial, const common::Certificate& signer,
                                                          EVP_PKEY* signer_key);

/// The nonce of a request, or empty; InvalidArgument when it is no request about one certificate. `serial` gets its
/// serial, hexadecimal.
[[nodiscard]] absl::StatusOr<std::string> ReadOcspRequest(std::string_view der, std::string* serial);

}  // namespace henb::tests
