#include "keydist-server/rpc/connection_gate.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "common/log.h"
#include "common/status.h"
#include "common/tcp_listener.h"
#include "keydist-server/rpc/peer_sockets.h"

namespace henb::keydist::rpc {
namespace {

constexpr int kBacklog = 4096;
constexpr int kAtOnce = 256;                                     // Before the stop is looked at again.
constexpr absl::Duration kCountEvery = absl::Seconds(10);        // Whether anybody is refused or not.
constexpr absl::Duration kCountAgain = absl::Milliseconds(200);  // Where somebody would be.
constexpr absl::Duration kBetweenLines = absl::Seconds(1);
constexpr int kPauseMs = 50;                // When no descriptor is to be had.
constexpr unsigned kUnansweredMs = 20'000;  // As gRPC does for its own listeners, by its keepalive time-out.

}  // namespace

absl::StatusOr<std::unique_ptr<ConnectionGate>> ConnectionGate::Listen(const common::IpAddress& address,
                                                                       std::uint16_t port,
                                                                       domain::ConnectionLimits limits,
                                                                       const common::Clock& clock) {
  ASSIGN_OR_RETURN(common::UniqueFd listener, common::ListenOn(address, port, kBacklog));
  common::UniqueFd stop(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop.valid()) return absl::UnavailableError(common::StrCat("eventfd: ", std::strerror(errno)));
  return std::unique_ptr<ConnectionGate>(new ConnectionGate(std::move(listener), std::move(stop), limits, clock));
}

ConnectionGate::ConnectionGate(common::UniqueFd listener, common::UniqueFd stop, domain::ConnectionLimits limits,
                               const common::Clock& clock)
    : listener_(std::move(listener)),
      stop_(std::move(stop)),
      port_(common::PortOf(listener_)),
      clock_(clock),
      book_(limits),
      counted_(clock.Steady()) {}

void ConnectionGate::Stop() {
  if (thread_.joinable()) {
    (void)eventfd_write(stop_.get(), 1);
    thread_.join();
  }
  listener_.reset();
}

void ConnectionGate::Start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> server) {
  server_ = std::move(server);
  thread_ = std::thread([this] { Run(); });
}

ConnectionGate::Counts ConnectionGate::counts() const {
  Counts out{.open = open_.load(std::memory_order_relaxed)};
  for (std::size_t i = 0; i < refused_.size(); ++i) out.refused[i] = refused_[i].load(std::memory_order_relaxed);
  return out;
}

void ConnectionGate::Run() {
  pollfd waiting[2] = {{.fd = stop_.get(), .events = POLLIN, .revents = 0},
                       {.fd = listener_.get(), .events = POLLIN, .revents = 0}};
  while (true) {
    const absl::Duration due = counted_ + kCountEvery - clock_.Steady();
    const int wait_ms = static_cast<int>(std::max<std::int64_t>(absl::ToInt64Milliseconds(due), 0));
    if (poll(waiting, 2, wait_ms) < 0 && errno != EINTR) CannotAccept(errno);
    if (waiting[0].revents != 0) return;
    for (int i = 0; i < kAtOnce && TakeOne(); ++i) {
    }
    if (clock_.Steady() - counted_ >= kCountEvery) Recount();
    open_.store(book_.open(), std::memory_order_relaxed);
  }
}

bool ConnectionGate::TakeOne() {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  common::UniqueFd connection(
      accept4(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!connection.valid()) {
    if (errno == ECONNABORTED || errno == EINTR) return true;
    if (errno != EAGAIN && errno != EWOULDBLOCK) CannotAccept(errno);
    return false;
  }
  const PeerSocket peer = PeerOf(connection.get(), address);
  if (peer.address.family() == AF_UNSPEC) return true;
  if (const auto answer = Ask(peer.address, connection.get()); !answer.admitted) {
    Refuse(std::move(connection), peer.address, answer.why);
    return true;
  }
  const int on = 1;
  setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(connection.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnansweredMs, sizeof kUnansweredMs);
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
  parameters.listener_fd = listener_.get();
  parameters.fd = connection.release();
  server_->HandleNewConnection(&parameters);
  return true;
}

domain::ConnectionBook::Answer ConnectionGate::Ask(const common::IpAddress& from, int newcomer) {
  const absl::Duration now = clock_.Steady();
  const domain::ConnectionBook::Answer answer = book_.Admit(from, now);
  const bool by_count = !answer.admitted && answer.why != domain::ConnectionRefusal::kRate;
  if (!by_count || now - counted_ < kCountAgain) return answer;
  Recount(newcomer);
  return book_.Admit(from, now);
}

void ConnectionGate::Recount(int newcomer) {
  std::vector<common::IpAddress> live;
  ForEachPeerSocket(port_, [&](const PeerSocket& peer) {
    if (peer.fd != newcomer) live.push_back(peer.address);
    return true;
  });
  counted_ = clock_.Steady();
  book_.Recount(live, counted_);
}

void ConnectionGate::Refuse(common::UniqueFd connection, const common::IpAddress& from, domain::ConnectionRefusal why) {
  // Reset: nothing of it stays, at neither end.
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(connection.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  connection.reset();
  const auto which = static_cast<std::size_t>(why);
  refused_[which].fetch_add(1, std::memory_order_relaxed);
  if (clock_.Steady() < next_line_) return;
  next_line_ = clock_.Steady() + kBetweenLines;
  std::uint64_t all = 0;
  for (const auto& count : refused_) all += count.load(std::memory_order_relaxed);
  common::LogWarning("connections_refused", {{"address", from.ToString()},
                                             {"limit", domain::kConnectionRefusalNames[which]},
                                             {"open", book_.open()},
                                             {"refused", all}});
}

void ConnectionGate::CannotAccept(int error) {
  if (clock_.Steady() >= next_line_) {
    next_line_ = clock_.Steady() + kBetweenLines;
    common::LogAlarm("connections_not_taken", {{"error", std::strerror(error)}});
  }
  pollfd stop{.fd = stop_.get(), .events = POLLIN, .revents = 0};
  (void)poll(&stop, 1, kPauseMs);
}

}  // namespace henb::keydist::rpc
