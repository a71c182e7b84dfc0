#include "henb-x2sec/enrol/tcp_connection.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>

#include "common/status.h"
#include "henb-x2sec/enrol/cmp_events.h"

namespace henb::x2sec::enrol {
namespace {

using SteadyClock = std::chrono::steady_clock;

/// 0 when connected, else errno.
int Connect(const addrinfo& address, SteadyClock::time_point deadline, common::UniqueFd* out) {
  common::UniqueFd fd(socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return errno;
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(fd.get(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return errno;
    pollfd waiting{fd.get(), POLLOUT, 0};
    int ready = 0;
    do {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - SteadyClock::now()).count();
      if (left <= 0) return ETIMEDOUT;
      ready = poll(&waiting, 1, static_cast<int>(left));
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0) return ETIMEDOUT;
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return error;
  }
  *out = std::move(fd);
  return 0;
}

}  // namespace

absl::StatusOr<common::UniqueFd> ConnectTcp(const std::string& host, const std::string& port, absl::Duration timeout) {
  const auto deadline = SteadyClock::now() + absl::ToChronoNanoseconds(timeout);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int resolved = getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (resolved != 0) {
    return event::Error(absl::StatusCode::kUnavailable, event::kUnreachable,
                        common::StrCat(host, ": ", gai_strerror(resolved)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, freeaddrinfo);
  int error = EHOSTUNREACH;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    common::UniqueFd fd;
    error = Connect(*each, deadline, &fd);
    if (error == 0) return fd;
  }
  const bool late = error == ETIMEDOUT;
  return event::Error(late ? absl::StatusCode::kDeadlineExceeded : absl::StatusCode::kUnavailable,
                      late ? event::kTimeout : event::kUnreachable,
                      common::StrCat(host, ":", port, ": ", std::strerror(error)));
}

}  // namespace henb::x2sec::enrol
