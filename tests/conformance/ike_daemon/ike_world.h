// Two IKE daemons that reach each other, fake or real, for the conformance suite.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "henb-x2sec/core/ports/ike_daemon.h"
#include "henb-x2sec/core/ports/secret_store.h"

namespace henb::tests {

/// One of the two ends.
struct IkeEnd {
  x2sec::core::IkeDaemon* daemon = nullptr;
  x2sec::core::SecretStore* secrets = nullptr;
  common::HenbId id;
  common::IpAddress address;
  common::IpAddress address6;
  std::string ckaid;      ///< An ECDSA key.
  std::string rsa_ckaid;  ///< One of the same identity and anchor.
  std::string ca;         ///< Subject DN of its own anchor.
  std::string other_ca;   ///< A trusted one that is not the anchor of anybody here.
};

class IkeWorld {
 public:
  virtual ~IkeWorld() = default;
  IkeEnd a, b;
};

/// Null where there are no real plutos.
std::unique_ptr<IkeWorld> MakeFakeWorld();
std::unique_ptr<IkeWorld> MakeRealWorld();

/// The connection of `from` towards `to`, by PSK or certificate.
x2sec::core::ConnectionSpec SpecOf(const IkeEnd& from, const IkeEnd& to, x2sec::core::IkeAuth auth);

/// Polls until `condition` holds; false when 20 s are over.
bool Eventually(const std::function<bool()>& condition);

}  // namespace henb::tests
