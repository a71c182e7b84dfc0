// How the IKE daemon asks about peers' certificates.
#pragma once

#include <string>

namespace henb::x2sec::core {

/// How the daemon asks about peers' certificates (OCSP, RFC 6960). Set at installation, for the whole daemon.
struct OcspSettings {
  bool enabled = false;
  bool strict = false;       ///< Without an answer the peer is refused.
  std::string uri;           ///< Of the responder that is asked about every certificate; empty: the certificate's own.
  std::string trusted_name;  ///< The responder's certificate in the key store.
  int answers_kept_s = 0;    ///< An answer may be used again for so long.
  friend bool operator==(const OcspSettings&, const OcspSettings&) = default;
};

}  // namespace henb::x2sec::core
