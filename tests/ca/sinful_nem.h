// A network element manager that misbehaves on purpose.
#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/unique_fd.h"
#include "tests/support/test_pki.h"

namespace henb::tests {

/// Takes uploads as nem-gateway does, and answers the question for the certificate with its sin. On loopback, HTTPS
/// with the device's certificate, a thread a connection. Stops when destroyed.
class SinfulNem {
 public:
  /// One of SinNames(), or "" for one that behaves. `server` is its TLS credential, `ca` issues for devices.
  SinfulNem(std::string sin, const TestCredential& server, const TestAuthority& ca, const TestAuthority& vendor);
  ~SinfulNem();

  [[nodiscard]] static std::vector<std::string> SinNames();
  [[nodiscard]] int port() const { return port_; }
  /// Bodies of what the device said became of its certificates.
  [[nodiscard]] std::vector<std::string> results();
  [[nodiscard]] int uploads() const { return uploads_; }

 private:
  void Accept();
  void Serve(int connection);
  bool ServeOne(SSL* tls);
  bool Answer(SSL* tls, const std::string& head, const std::string& body);
  bool Sin(SSL* tls);
  std::string Chain();
  bool Wait(int milliseconds) const;

  const std::string sin_;
  const TestAuthority ca_;
  const TestAuthority other_ca_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  common::UniqueFd socket_;
  common::UniqueFd stop_;
  int port_ = 0;
  std::atomic<int> uploads_{0};
  std::mutex mutex_;
  std::string pkcs10_;
  std::vector<std::string> results_;
  std::list<std::thread> connections_;
  std::thread acceptor_;
};

}  // namespace henb::tests
