// The authority's revocation desk: a list and OCSP answers, made when they are asked for.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/certificate.h"
#include "tests/support/openssl_ptr.h"

namespace henb::tests {

/// Answers HTTP requests: GET anything for the list (DER, with an ETag), POST for an OCSP answer. Any thread.
class RevocationDesk {
 public:
  struct Config {
    common::Certificate issuer;
    std::shared_ptr<EVP_PKEY> key;
    absl::Duration next_update = absl::Hours(1);
    std::function<std::vector<std::string>()> revoked;  ///< Serials, hexadecimal; read at each request.
  };
  explicit RevocationDesk(Config config) : config_(std::move(config)) {}

  /// The whole answer to a whole request.
  [[nodiscard]] std::string Answer(const std::string& request);

 private:
  void RenewList();
  [[nodiscard]] std::string AnswerOcsp(const std::string& body) const;

  const Config config_;
  std::mutex mutex_;
  std::vector<std::string> listed_;
  std::string list_;
  int number_ = 0;
  absl::Time made_ = absl::InfinitePast();
};

}  // namespace henb::tests
