// Roots and certificates for tests, made in memory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/certificate.h"

typedef struct evp_pkey_st EVP_PKEY;  // NOLINT(modernize-use-using): OpenSSL's own declaration

namespace henb::keydist::test {

/// A key and its certificate.
struct Identity {
  std::string certificate_pem;  ///< Leaf first, then what was asked to be sent with it.
  std::string key_pem;
  [[nodiscard]] common::Certificate certificate() const;
};

struct LeafOptions {
  std::vector<std::string> dns_names;  ///< As they are, no check.
  std::string common_name = "leaf";
  absl::Time not_before = absl::Now() - absl::Hours(1);
  absl::Time not_after = absl::Now() + absl::Hours(1);
  std::string extended_key_usage{};  ///< OpenSSL's text; empty: none.
};

/// A certificate authority with a P-256 key. One thread.
class TestCa {
 public:
  /// Self-signed.
  explicit TestCa(const std::string& name);
  ~TestCa();
  TestCa(TestCa&&) noexcept;
  [[nodiscard]] TestCa Intermediate(const std::string& name) const;
  [[nodiscard]] Identity Issue(const LeafOptions& options) const;
  [[nodiscard]] Identity Issue(const std::string& dns_name) const {
    return Issue(LeafOptions{.dns_names = {dns_name}});
  }
  /// A leaf whose issuer field is this CA's name, signed by a key that is not this CA's.
  [[nodiscard]] Identity Forge(const LeafOptions& options) const;
  [[nodiscard]] std::string pem() const;
  [[nodiscard]] common::Certificate certificate() const;
  [[nodiscard]] common::SpkiHash spki() const { return certificate().spki(); }
  /// Of this authority; it stays its owner.
  [[nodiscard]] EVP_PKEY* key() const;

 private:
  struct Impl;
  explicit TestCa(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// A self-signed leaf.
[[nodiscard]] Identity SelfSigned(const LeafOptions& options);

}  // namespace henb::keydist::test
