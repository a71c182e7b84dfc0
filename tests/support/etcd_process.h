// A real etcd of one member, on loopback, with TLS and client certificates.
#pragma once

#include <sys/types.h>

#include <string>

#include "tests/support/temp_directory.h"
#include "tests/support/test_pki.h"

namespace henb::tests {

/// Starts on free ports, in a folder of its own that dies with it. Aborts when etcd cannot be started or does not
/// listen within 30 s.
class EtcdProcess {
 public:
  EtcdProcess();
  ~EtcdProcess();
  EtcdProcess(const EtcdProcess&) = delete;
  EtcdProcess& operator=(const EtcdProcess&) = delete;

  /// kill -9: what it had acknowledged is on the disk.
  void Kill();
  /// Again with the same data and ports; returns when it serves.
  void Start();

  [[nodiscard]] std::string address() const { return "localhost:" + std::to_string(client_port_); }
  [[nodiscard]] std::string ca_pem() const { return authority_.certificate().pem(); }
  [[nodiscard]] std::string client_pem() const { return client_.certificate.pem(); }
  [[nodiscard]] std::string client_key_pem() const { return PemOf(client_.key.get()); }

 private:
  TempDirectory folder_;
  TestAuthority authority_ = TestAuthority::Root("/O=Test/CN=etcd root");
  TestCredential client_ = authority_.IssueHenb("keydist.example");
  int client_port_;
  int peer_port_;
  pid_t pid_ = -1;
};

}  // namespace henb::tests
