// What the commands read.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/certificate.h"
#include "common/secret_bytes.h"
#include "policy/tool/commands.h"

namespace henb::policy::tool {

/// A file that the user named: one that is missing or can't be read is invalid input, not a missing object.
[[nodiscard]] absl::StatusOr<std::string> ReadInput(const std::string& path);
/// The JSON of a policy file; of a signed one its content, with a note on stderr that the signature was not looked at.
[[nodiscard]] absl::StatusOr<std::string> ReadPolicyText(const std::string& path);
/// PEM, one certificate or more.
[[nodiscard]] absl::StatusOr<std::vector<common::Certificate>> ReadCertificates(const std::string& path);

struct SigningFiles {
  common::Certificate signer;
  std::vector<common::Certificate> chain;
  common::SecretBytes key;
};
/// What --cert, --chain and --key name.
[[nodiscard]] absl::StatusOr<SigningFiles> ReadSigningFiles(const Options& options);
/// `text` as RFC 3339; empty: the clock's.
[[nodiscard]] absl::StatusOr<absl::Time> TimeOption(const std::string& text);

}  // namespace henb::policy::tool
