// What the product reads from an X.509 certificate. OpenSSL stays behind this header.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/digest.h"
#include "common/henb_id.h"

typedef struct x509_st X509;  // NOLINT(modernize-use-using): OpenSSL's own declaration

namespace henb::common {

/// A parsed certificate (RFC 5280), shared and immutable. Any thread.
class Certificate {
 public:
  /// InvalidArgument when it is not exactly one certificate.
  [[nodiscard]] static absl::StatusOr<Certificate> FromDer(std::string_view der);
  /// The first certificate of a PEM text.
  [[nodiscard]] static absl::StatusOr<Certificate> FromPem(std::string_view pem);
  /// Every certificate of a PEM text, in order; InvalidArgument when there is none, or a broken one.
  [[nodiscard]] static absl::StatusOr<std::vector<Certificate>> ChainFromPem(std::string_view pem);
  /// Takes a reference of its own.
  [[nodiscard]] static Certificate FromX509(X509* x509);

  /// Exactly one dNSName in the SAN; none, several or a malformed one: InvalidArgument (MESSAGES: no CN fallback).
  [[nodiscard]] absl::StatusOr<HenbId> Identity() const;
  [[nodiscard]] SpkiHash spki() const;
  [[nodiscard]] std::string subject()
      const;  ///< RFC 2253 text, most specific first reversed: "C=…,O=…,CN=…" as OpenSSL's oneline.
  [[nodiscard]] std::string issuer() const;
  [[nodiscard]] std::string serial_hex() const;
  [[nodiscard]] absl::Time not_before() const;
  [[nodiscard]] absl::Time not_after() const;
  [[nodiscard]] bool is_self_issued() const;
  [[nodiscard]] std::string der() const;
  [[nodiscard]] std::string pem() const;
  [[nodiscard]] X509* get() const { return x509_.get(); }  ///< Borrowed.

 private:
  explicit Certificate(std::shared_ptr<X509> x509) : x509_(std::move(x509)) {}
  std::shared_ptr<X509> x509_;
};

/// Text of the OpenSSL error queue of this thread, emptied; "no detail" when there is none.
[[nodiscard]] std::string DrainOpensslErrors();

}  // namespace henb::common
