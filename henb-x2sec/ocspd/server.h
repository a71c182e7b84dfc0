// The HTTP end on loopback.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/event_loop.h"
#include "common/unique_fd.h"
#include "henb-x2sec/ocspd/http_exchange.h"

namespace henb::x2sec::ocspd {

/// The socket that systemd hands over (sd_listen_fds(3)), where `listen_pid` is this process and there is exactly one;
/// none where nobody hands one over. InvalidArgument when there are several, or it does not listen.
[[nodiscard]] absl::StatusOr<common::UniqueFd> TakeListener(const char* listen_pid, const char* listen_fds);

struct ServerLimits {
  std::size_t connections = 32;  ///< At a time; the oldest goes for a new one.
  absl::Duration patience = absl::Seconds(3);
  absl::Duration hold = absl::Milliseconds(1800);  ///< Of an answer that is awaited: pluto waits 3 s (ocsp-timeout).
  absl::Duration look_again = absl::Milliseconds(100);
};

/// One request a connection, bounded in size, number and time. Loop thread.
class Server {
 public:
  /// The whole HTTP answer.
  using Handler = std::function<std::string(const HttpQuestion& question)>;
  /// True while the answer to `question` may still become another one; `first` at the first look.
  using Awaits = std::function<bool(const HttpQuestion& question, bool first)>;
  Server(common::EventLoop& loop, common::UniqueFd listener, Handler handler, ServerLimits limits = {},
         Awaits awaits = nullptr);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  struct Connection {
    common::UniqueFd fd;
    std::string received;
    common::EventLoop::TimerId timer = 0;
  };
  void Accept();
  void Read(std::uint64_t number);
  void Hold(std::uint64_t number, const HttpQuestion& question, absl::Duration left);
  void Reply(std::uint64_t number, const std::string& answer);
  void Close(std::uint64_t number);

  common::EventLoop& loop_;
  common::UniqueFd listener_;
  const Handler handler_;
  const ServerLimits limits_;
  const Awaits awaits_;
  std::map<std::uint64_t, Connection> connections_;  ///< By their order of coming.
  std::uint64_t next_ = 1;
};

}  // namespace henb::x2sec::ocspd
