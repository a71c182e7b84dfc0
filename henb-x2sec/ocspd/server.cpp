#include "henb-x2sec/ocspd/server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "common/status.h"

namespace henb::x2sec::ocspd {
namespace {

using common::UniqueFd;

constexpr int kFirstHandedOver = 3;  // SD_LISTEN_FDS_START

void SetNonBlocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

}  // namespace

absl::StatusOr<UniqueFd> TakeListener(const char* listen_pid, const char* listen_fds) {
  if (listen_pid == nullptr || listen_fds == nullptr) return UniqueFd();
  const auto pid = common::ParseNumber<pid_t>(listen_pid);
  if (!pid || *pid != getpid()) return UniqueFd();
  if (std::string_view(listen_fds) != "1") return absl::InvalidArgumentError("not exactly one socket is handed over");
  UniqueFd fd(kFirstHandedOver);
  int listens = 0;
  socklen_t size = sizeof listens;
  if (getsockopt(fd.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) {
    return absl::InvalidArgumentError("what is handed over does not listen");
  }
  fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
  SetNonBlocking(fd.get());
  return fd;
}

Server::Server(common::EventLoop& loop, UniqueFd listener, Handler handler, ServerLimits limits, Awaits awaits)
    : loop_(loop),
      listener_(std::move(listener)),
      handler_(std::move(handler)),
      limits_(limits),
      awaits_(std::move(awaits)) {
  loop_.WatchReadable(listener_.get(), [this] { Accept(); });
}

Server::~Server() {
  loop_.Unwatch(listener_.get());
  while (!connections_.empty()) Close(connections_.begin()->first);
}

void Server::Accept() {
  UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.valid()) return;
  if (connections_.size() >= limits_.connections) Close(connections_.begin()->first);
  const std::uint64_t number = next_++;
  Connection& connection = connections_[number];
  connection.fd = std::move(fd);
  connection.timer = loop_.After(limits_.patience, [this, number] { Close(number); });
  loop_.WatchReadable(connection.fd.get(), [this, number] { Read(number); });
}

void Server::Read(std::uint64_t number) {
  Connection& connection = connections_.at(number);
  char chunk[4096];
  const ssize_t got = recv(connection.fd.get(), chunk, sizeof chunk, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return Close(number);
  connection.received.append(chunk, static_cast<std::size_t>(got));
  const auto request = ReadOcspHttp(connection.received);
  if (!request.ok()) return Reply(number, BadRequestAnswer());
  if (!request->has_value()) return;
  if (awaits_ == nullptr || !awaits_(**request, true)) return Reply(number, handler_(**request));
  loop_.Unwatch(connection.fd.get());
  Hold(number, **request, limits_.hold);
}

/// Looks again until the word is there, or time is over.
void Server::Hold(std::uint64_t number, const HttpQuestion& question, absl::Duration left) {
  Connection& connection = connections_.at(number);
  loop_.CancelTimer(connection.timer);
  connection.timer = loop_.After(limits_.look_again, [this, number, question, left = left - limits_.look_again] {
    if (left > absl::ZeroDuration() && awaits_(question, false)) return Hold(number, question, left);
    Reply(number, handler_(question));
  });
}

/// An answer fits into the socket's buffer, which is made large enough: what does not is lost with the connection.
void Server::Reply(std::uint64_t number, const std::string& answer) {
  const int fd = connections_.at(number).fd.get();
  const int octets = static_cast<int>(answer.size());
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &octets, sizeof octets);
  if (send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(answer.size())) {
    shutdown(fd, SHUT_WR);
  }
  Close(number);
}

void Server::Close(std::uint64_t number) {
  const auto it = connections_.find(number);
  if (it == connections_.end()) return;
  loop_.CancelTimer(it->second.timer);
  loop_.Unwatch(it->second.fd.get());
  connections_.erase(it);
}

}  // namespace henb::x2sec::ocspd
