#include "policy/tool/inputs.h"

#include <iostream>

#include "absl/time/clock.h"
#include "common/file.h"
#include "common/status.h"
#include "policy/cms.h"

namespace henb::policy::tool {

absl::StatusOr<std::string> ReadInput(const std::string& path) {
  auto content = common::ReadFile(path);
  if (!content.ok()) return absl::InvalidArgumentError(content.status().message());
  return content;
}

absl::StatusOr<std::string> ReadPolicyText(const std::string& path) {
  ASSIGN_OR_RETURN(std::string content, ReadInput(path));
  if (!LooksLikeDer(content)) return content;
  std::cerr << path << ": signed; the signature is not looked at here (x2policy verify does)\n";
  ASSIGN_OR_RETURN_CTX(std::string inner, UnverifiedContent(content), path);
  return inner;
}

absl::StatusOr<std::vector<common::Certificate>> ReadCertificates(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string pem, ReadInput(path));
  auto certificates = common::Certificate::ChainFromPem(pem);
  if (!certificates.ok()) return common::WithContext(certificates.status(), path);
  return certificates;
}

absl::StatusOr<SigningFiles> ReadSigningFiles(const Options& options) {
  ASSIGN_OR_RETURN(std::vector<common::Certificate> chain, ReadCertificates(options.cert));
  const common::Certificate signer = chain.front();
  chain.erase(chain.begin());
  if (!options.chain.empty()) {
    ASSIGN_OR_RETURN(const auto more, ReadCertificates(options.chain));
    chain.insert(chain.end(), more.begin(), more.end());
  }
  auto key = common::ReadSecretFile(options.key);
  if (!key.ok()) return absl::InvalidArgumentError(key.status().message());
  return SigningFiles{signer, std::move(chain), *std::move(key)};
}

absl::StatusOr<absl::Time> TimeOption(const std::string& text) {
  if (text.empty()) return absl::Now();
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    return absl::InvalidArgumentError(common::StrCat("--now: ", common::Quoted(text), " is not a time (RFC 3339)"));
  }
  return time;
}

}  // namespace henb::policy::tool
