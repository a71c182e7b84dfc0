#include "tests/ca/http_server.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "common/status.h"

namespace henb::tests {
namespace {

constexpr std::size_t kMostHead = 16U << 10;
constexpr std::size_t kMostBody = 1U << 20;

/// False when the other end is gone, or we are to stop.
bool WaitReadable(int fd, int stop) {
  pollfd fds[2] = {{fd, POLLIN, 0}, {stop, POLLIN, 0}};
  while (poll(fds, 2, -1) < 0) {
    if (errno != EINTR) return false;
  }
  return fds[1].revents == 0;
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (wrote <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return true;
}

std::string_view HeaderValue(std::string_view head, std::string_view name) {
  for (std::string_view line : common::Split(head, '\n')) {
    if (line.size() <= name.size() || line[name.size()] != ':') continue;
    if (strncasecmp(line.data(), name.data(), name.size()) != 0) continue;
    line.remove_prefix(name.size() + 1);
    while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
    while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return line;
  }
  return {};
}

std::string Response(std::string_view status, std::string_view type, std::string_view body) {
  return common::StrCat("HTTP/1.1 ", status, "\r\nContent-Type: ", type, "\r\nContent-Length: ", body.size(),
                        "\r\nConnection: keep-alive\r\n\r\n", body);
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Listen(const std::string& address, int port, Handler handler) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    return absl::InvalidArgumentError(common::StrCat("address ", common::Quoted(address), " is not in numbers"));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, freeaddrinfo);
  common::UniqueFd fd(socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0 || listen(fd.get(), 64) != 0) {
    return absl::UnavailableError(common::StrCat("listening on ", address, ":", port, ": ", std::strerror(errno)));
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  const int bound_port = ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port
                                                           : reinterpret_cast<sockaddr_in*>(&bound)->sin_port);
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(fd), bound_port, std::move(handler)));
}

HttpServer::HttpServer(common::UniqueFd socket, int port, Handler handler)
    : socket_(std::move(socket)),
      stop_(eventfd(0, EFD_CLOEXEC)),
      port_(port),
      handler_(std::move(handler)),
      acceptor_([this] { Accept(); }) {}

HttpServer::~HttpServer() {
  stopping_ = true;
  const std::uint64_t one = 1;
  (void)!write(stop_.get(), &one, sizeof one);
  acceptor_.join();
  const std::lock_guard lock(mutex_);
  for (std::thread& connection : connections_) connection.join();
}

void HttpServer::Accept() {
  while (WaitReadable(socket_.get(), stop_.get())) {
    const int connection = accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    const int on = 1;
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const std::lock_guard lock(mutex_);
    connections_.emplace_back([this, connection] { Serve(connection); });
  }
}

void HttpServer::Serve(int connection) {
  const common::UniqueFd owned(connection);
  std::string buffer;
  while (!stopping_ && ServeOne(connection, &buffer)) {
  }
}

bool HttpServer::ServeOne(int connection, std::string* buffer) {
  const auto read_more = [&] {
    char chunk[16384];
    if (!WaitReadable(connection, stop_.get())) return false;
    const ssize_t got = recv(connection, chunk, sizeof chunk, 0);
    if (got <= 0) return false;
    buffer->append(chunk, static_cast<std::size_t>(got));
    return true;
  };
  std::size_t head_end = 0;
  while ((head_end = buffer->find("\r\n\r\n")) == std::string::npos) {
    if (buffer->size() > kMostHead || !read_more()) return false;
  }
  const std::string head = buffer->substr(0, head_end + 2);
  buffer->erase(0, head_end + 4);
  const auto length = common::ParseNumber<std::size_t>(HeaderValue(head, "Content-Length"));
  if (!head.starts_with("POST ") || !length.has_value() || *length > kMostBody) {
    WriteAll(connection,
             Response("400 Bad Request", "text/plain", "POST of a PKIMessage with its length is taken here\n"));
    return false;
  }
  while (buffer->size() < *length) {
    if (!read_more()) return false;
  }
  const std::string body = buffer->substr(0, *length);
  buffer->erase(0, *length);
  const absl::StatusOr<std::optional<std::string>> answer = handler_(body);
  if (!answer.ok()) {
    return WriteAll(connection, Response("400 Bad Request", "text/plain", common::ToStd(answer.status().message())));
  }
  if (!answer->has_value()) return false;
  return WriteAll(connection, Response("200 OK", "application/pkixcmp", **answer));
}

}  // namespace henb::tests
