// HTTPS for devices: mutual TLS, small requests, everything bounded.
#pragma once

#include <openssl/ssl.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/certificate.h"
#include "common/ip_address.h"
#include "henb-x2sec/enrol/openssl_ptr.h"

namespace henb::x2sec::nem {

/// A request whose sender has proved to hold the key of `device`, whose path to one of the server's device roots was
/// verified in the handshake. Views live as long as the call.
struct HttpCall {
  std::string method;  ///< "GET", "POST".
  std::string path;    ///< Without query.
  std::string content_type;
  std::string body;
  common::Certificate device;
  common::Certificate anchor;  ///< The root it ends at.
};

struct HttpAnswer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body{};
  int retry_after_s = 0;   ///< 0: no such header.
  std::string location{};  ///< Empty: no such header.
};

/// Who does not show a certificate of a device root never gets past the handshake: nothing that it sends is read as
/// HTTP. TLS 1.2 or 1.3, no session is resumed. One thread: Run's; all else is called before it or from within.
class HttpsServer {
 public:
  struct Settings {
    common::IpAddress address;
    std::uint16_t port = 0;                  ///< 0: any free one.
    std::vector<common::Certificate> chain;  ///< The server's certificate first.
    enrol::EvpKey key;
    std::vector<common::Certificate> device_roots;
    int most_connections = 256;                       ///< More wait in the kernel's queue.
    absl::Duration idle_timeout = absl::Seconds(20);  ///< Between octets.
    absl::Duration longest_life = absl::Seconds(60);  ///< Of a connection, whatever it does.
    std::size_t most_body = 16U << 10;
  };
  using Handler = std::function<HttpAnswer(const HttpCall&)>;

  /// InvalidArgument: key, certificate; Unavailable: the address is in use or not this host's.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<HttpsServer>> Listen(const Settings& settings, Handler handler);
  ~HttpsServer();
  HttpsServer(const HttpsServer&) = delete;
  HttpsServer& operator=(const HttpsServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  /// `ready` runs on Run's thread whenever `fd` can be read.
  void WatchReadable(int fd, std::function<void()> ready);
  /// Until Stop.
  void Run();
  void Stop();

 private:
  struct Impl;
  explicit HttpsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace henb::x2sec::nem
