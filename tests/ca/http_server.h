// The HTTP/1.1 end of the test CA.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "common/unique_fd.h"

namespace henb::tests {

/// Takes POST of application/pkixcmp (RFC 6712) on one TCP port, keeps connections alive, a thread for each. Stops when
/// destroyed.
class HttpServer {
 public:
  /// nullopt: the connection is closed without an answer; an error: HTTP 400 with its message. From several threads.
  using Handler = std::function<absl::StatusOr<std::optional<std::string>>(const std::string& body)>;

  /// `address` in numbers; port 0: any free one. InvalidArgument, Unavailable (address in use).
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<HttpServer>> Listen(const std::string& address, int port,
                                                                          Handler handler);
  ~HttpServer();

  [[nodiscard]] int port() const { return port_; }

 private:
  HttpServer(common::UniqueFd socket, int port, Handler handler);
  void Accept();
  void Serve(int connection);
  bool ServeOne(int connection, std::string* buffer);

  common::UniqueFd socket_;
  common::UniqueFd stop_;
  const int port_;
  const Handler handler_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::list<std::thread> connections_;
  std::thread acceptor_;
};

}  // namespace henb::tests
