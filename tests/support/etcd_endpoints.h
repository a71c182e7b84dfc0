// How the key service's store reaches the etcd of a test.
#pragma once

#include "absl/time/time.h"
#include "common/secret_bytes.h"
#include "keydist-server/store/etcd_client.h"
#include "tests/support/etcd_cluster.h"

namespace henb::tests {

inline keydist::store::EtcdEndpoints EndpointsOf(const EtcdCluster& etcd) {
  keydist::store::EtcdEndpoints endpoints;
  endpoints.addresses = etcd.addresses();
  endpoints.ca_pem = etcd.ca_pem();
  endpoints.certificate_pem = etcd.client_pem();
  endpoints.key_pem = common::SecretBytes::CopyOf(etcd.client_key_pem());
  endpoints.deadline = absl::Seconds(5);
  return endpoints;
}

}  // namespace henb::tests
