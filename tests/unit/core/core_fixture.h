// Short ways to say addresses, identities and SAs in the core's tests.
#pragma once

#include <string_view>

#include "henb-x2sec/core/ports/ike_daemon.h"
#include "henb-x2sec/core/ports/kernel_ipsec.h"

namespace henb::x2sec::core {

inline common::IpAddress Ip(std::string_view text) { return *common::IpAddress::Parse(text); }
inline common::HenbId Id(std::string_view text) { return *common::HenbId::Parse(text); }

/// a (10.9.0.1) towards b (10.9.0.2), reqid 101.
inline ConnectionSpec Spec(std::string name = "x2-henb-b.example-0") {
  ConnectionSpec spec;
  spec.name = std::move(name);
  spec.local_id = Id("henb-a.example");
  spec.peer_id = Id("henb-b.example");
  spec.local_address = spec.local_ike_address = Ip("10.9.0.1");
  spec.peer_address = spec.peer_ike_address = Ip("10.9.0.2");
  spec.reqid = 101;
  return spec;
}

inline SaInfo OutSa(std::uint32_t spi, std::uint64_t bytes = 0, int reqid = 101) {
  return {
      .spi = spi, .source = Ip("10.9.0.1"), .destination = Ip("10.9.0.2"), .reqid = reqid, .suite = "", .bytes = bytes};
}
inline SaInfo InSa(std::uint32_t spi, std::uint64_t bytes = 0, int reqid = 101) {
  return {
      .spi = spi, .source = Ip("10.9.0.2"), .destination = Ip("10.9.0.1"), .reqid = reqid, .suite = "", .bytes = bytes};
}
inline ChildSa Child(std::uint64_t serial, std::uint64_t ike, std::uint32_t out, std::uint32_t in) {
  return {.serial = serial,
          .ike_serial = ike,
          .connection = "x2-henb-b.example-0",
          .established = true,
          .spi_out = out,
          .spi_in = in};
}

}  // namespace henb::x2sec::core
