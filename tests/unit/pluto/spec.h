// A specification that passes, to be bent in tests.
#pragma once

#include "henb-x2sec/core/ports/ike_daemon.h"

namespace henb::x2sec::pluto {

inline core::ConnectionSpec PskSpec() {
  core::ConnectionSpec spec;
  spec.name = "x2-henb-b.example-0";
  spec.local_id = *common::HenbId::Parse("henb-a.example");
  spec.peer_id = *common::HenbId::Parse("henb-b.example");
  spec.local_address = spec.local_ike_address = *common::IpAddress::Parse("10.9.0.1");
  spec.peer_address = spec.peer_ike_address = *common::IpAddress::Parse("10.9.0.2");
  spec.reqid = 101;
  spec.ike_suites = {"aes_gcm256-sha2_256-ecp256"};
  spec.esp_suites = {"aes_gcm256-none-ecp256"};
  return spec;
}

inline core::ConnectionSpec CertificateSpec() {
  core::ConnectionSpec spec = PskSpec();
  spec.auth = core::IkeAuth::kCertificate;
  spec.local_ckaid = "0123456789abcdef0123456789abcdef01234567";
  spec.expected_ca = "O=Operator, CN=Operator CA 1";
  return spec;
}

}  // namespace henb::x2sec::pluto
