// What may become a word of whack's command line.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "henb-x2sec/core/ports/ike_daemon.h"

namespace henb::x2sec::pluto {

/// Every connection of ours starts so; others are other people's and never touched.
inline constexpr std::string_view kOwnPrefix = "x2-";
/// pluto gives out reqids above this one by itself.
inline constexpr int kHighestReqid = 16379;

/// Letters, digits, '.', '-', '_' after "x2-", 255 at most. InvalidArgument quotes the text.
[[nodiscard]] absl::Status CheckConnectionName(std::string_view name);
/// An algorithm proposal such as "aes_gcm256-sha2_256-ecp256": letters, digits, '_', '-', starting with a letter, 64 at
/// most.
/// A connection of somebody else's: not one of ours, and no option of whack's.
[[nodiscard]] absl::Status CheckForeignName(std::string_view name);
[[nodiscard]] absl::Status CheckSuite(std::string_view suite);
/// SHA-1 of a public key: exactly 40 hexadecimal digits. (A short one, from a token, makes whack abort pluto.)
[[nodiscard]] absl::Status CheckCkaid(std::string_view ckaid);
/// A distinguished name, "O=Operator, CN=Root": printable ASCII (others escaped, RFC 4514 §2.4), no quotes, no '%'
/// forms, 512 at most.
[[nodiscard]] absl::Status CheckDistinguishedName(std::string_view dn);
/// All of a specification: InvalidArgument names the field, "connection x2-…: ike_suites[1]: …".
[[nodiscard]] absl::Status CheckSpec(const core::ConnectionSpec& spec);

}  // namespace henb::x2sec::pluto
