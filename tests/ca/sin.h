// Ways in which the test RA/CA misbehaves on purpose.
#pragma once

#include <openssl/cmp.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "henb-x2sec/enrol/pki_message.h"
#include "tests/support/test_pki.h"

namespace henb::tests {

class TestCa;

/// One misbehaviour; the base class behaves. A new one is a subclass with a line in the table of sin.cpp. One object
/// serves all transactions of a CA, from several threads.
class Sin {
 public:
  virtual ~Sin() = default;
  /// What the certificate will say.
  virtual void AlterCertificate(CertificateSpec* /*spec*/) {}
  /// A key to certify instead of the one asked for; nullptr: the one asked for.
  virtual OpensslPtr<EVP_PKEY> KeyToCertify() { return nullptr; }
  /// The certificate comes from a CA of the same name with another key.
  [[nodiscard]] virtual bool IssuesFromOtherCa() const { return false; }
  /// certConf is answered with an error.
  [[nodiscard]] virtual bool RefusesConfirmation() const { return false; }
  /// Before an answer is protected; `impostor` has the RA's name, under a CA of the same name with another key.
  virtual void AlterSession(OSSL_CMP_CTX* /*context*/, const TestCredential& /*impostor*/) {}
  /// Requests under a symmetric credential are not verified, and answered signed.
  [[nodiscard]] virtual bool IgnoresMac() const { return false; }
  /// Before an answer to a request under a symmetric credential is protected.
  virtual void AlterMac(OSSL_CMP_CTX* /*context*/) {}
  /// What goes with a certificate in extraCerts.
  virtual void AlterExtraCerts(const TestCa& /*ca*/, std::vector<common::Certificate>* /*certificates*/) {}
  /// Before an answer is sent; nullopt: the connection is closed without one.
  virtual std::optional<std::string> AlterReply(x2sec::enrol::BodyType /*request*/, std::string reply) { return reply; }
};

struct NamedSin {
  std::string name;
  std::function<std::unique_ptr<Sin>()> make;
};

/// By name; "" is the one that behaves. InvalidArgument lists the names.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Sin>> MakeSin(const std::string& name);
[[nodiscard]] std::vector<std::string> SinNames();

}  // namespace henb::tests
