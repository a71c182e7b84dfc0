#include "tests/lab/traffic/sctp_traffic.h"

#include <netinet/sctp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "tests/lab/traffic/sequence_tally.h"

namespace henb::lab {
namespace {

constexpr std::uint32_t kX2apPpid = 27;  // TS 36.422: payload protocol identifier of X2AP
constexpr std::uint32_t kRtoMs = 1000;
constexpr std::uint32_t kRtoMinMs = 300;
constexpr std::uint32_t kHeartbeatMs = 2000;
constexpr std::uint16_t kMaxRetransmissions = 30;  // an association outlives a minute of silence
constexpr std::uint64_t kMaxUnanswered = 256;      // a client does not fill the socket while the link is down

std::string Failure(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

/// A one-to-one SCTP socket, closed with the object.
class Socket {
 public:
  explicit Socket(int fd = -1) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

void Tune(int fd) {
  sctp_rtoinfo rto{};
  rto.srto_initial = kRtoMs;
  rto.srto_max = 2 * kRtoMs;
  rto.srto_min = kRtoMinMs;
  setsockopt(fd, IPPROTO_SCTP, SCTP_RTOINFO, &rto, sizeof rto);
  sctp_assocparams association{};
  association.sasoc_asocmaxrxt = kMaxRetransmissions;
  setsockopt(fd, IPPROTO_SCTP, SCTP_ASSOCINFO, &association, sizeof association);
  sctp_paddrparams path{};
  path.spp_hbinterval = kHeartbeatMs;
  path.spp_pathmaxrxt = kMaxRetransmissions;
  path.spp_flags = SPP_HB_ENABLE;
  setsockopt(fd, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof path);
  sctp_initmsg init{};
  init.sinit_max_attempts = 100;
  init.sinit_max_init_timeo = kRtoMs;
  setsockopt(fd, IPPROTO_SCTP, SCTP_INITMSG, &init, sizeof init);
  const int on = 1;
  setsockopt(fd, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof on);
  sctp_event_subscribe events{};
  events.sctp_association_event = 1;
  events.sctp_data_io_event = 1;
  setsockopt(fd, IPPROTO_SCTP, SCTP_EVENTS, &events, sizeof events);
}

std::string Open(const SctpOptions& options, Socket* out) {
  Socket made(socket(options.local.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_SCTP));
  if (!made.valid()) return Failure("socket");
  const int on = 1;
  setsockopt(made.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  Tune(made.get());
  if (bind(made.get(), options.local.get(), options.local.size) != 0) return Failure("bind");
  *out = std::move(made);
  return {};
}

/// What happened to associations.
struct Associations {
  std::uint64_t made = 0;
  std::uint64_t lost = 0;
  std::uint64_t restarted = 0;

  void Note(const sctp_assoc_change& change) {
    if (change.sac_state == SCTP_COMM_UP) ++made;
    if (change.sac_state == SCTP_COMM_LOST || change.sac_state == SCTP_SHUTDOWN_COMP) ++lost;
    if (change.sac_state == SCTP_RESTART) ++restarted;
  }
};

enum class Got { kNothing, kMessage, kNotification, kClosed };

struct Message {
  std::uint32_t session = 0;
  std::uint32_t number = 0;
};

Got ReceiveOne(int fd, Message* message, Associations* associations) {
  alignas(sctp_notification) std::array<char, 2048> buffer;
  int flags = 0;
  const int size = sctp_recvmsg(fd, buffer.data(), buffer.size(), nullptr, nullptr, nullptr, &flags);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return Got::kNothing;
  if (size <= 0) return Got::kClosed;
  if ((flags & MSG_NOTIFICATION) != 0) {
    sctp_notification note{};
    std::memcpy(&note, buffer.data(), std::min(static_cast<std::size_t>(size), sizeof note));
    if (note.sn_header.sn_type == SCTP_ASSOC_CHANGE) associations->Note(note.sn_assoc_change);
    return Got::kNotification;
  }
  if (static_cast<std::size_t>(size) < sizeof *message) return Got::kNotification;
  std::memcpy(message, buffer.data(), sizeof *message);
  return Got::kMessage;
}

bool SendOne(int fd, const Message& message) {
  return sctp_sendmsg(fd, &message, sizeof message, nullptr, 0, htonl(kX2apPpid), 0, 0, 0, 0) >= 0;
}

class Client {
 public:
  explicit Client(const SctpOptions& options) : options_(options), session_(options.timing) {}

  std::string Run() {
    const std::int64_t begun = Session::Now();
    if (auto error = Connect(); !error.empty()) return error;
    for (std::int64_t now = begun; session_.Running(now); now = Session::Now()) {
      if (associations_.made == 0 && static_cast<double>(now - begun) > options_.connect_s * 1e9) break;
      if (!up_ && !connecting_ && options_.reconnect) static_cast<void>(Connect());
      while (up_ && sent_ < tally_.received() + kMaxUnanswered && session_.DueToSend(now)) Send();
      pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
      if (poll(&waiting, socket_.valid() ? 1 : 0, session_.WaitMs(now)) > 0) Receive();
    }
    return {};
  }

  std::string Report() const {
    nlohmann::ordered_json out{
        {"associations", associations_.made},
        {"lost", associations_.lost + closed_},
        {"restarts", associations_.restarted},
        {"sent", sent_},
        {"answered", tally_.received()},
        {"missing", sent_ - std::min(sent_, tally_.received())},
        {"duplicated", tally_.duplicated()},
        {"refused", errors_.refused()},
        {"errors", errors_.others()},
        {"longest_gap_ms", tally_.longest_gap_ms()},
        {"survived", associations_.made == 1 && associations_.lost + closed_ + associations_.restarted == 0}};
    return out.dump();
  }

 private:
  std::string Connect() {
    Socket made;
    if (auto error = Open(options_, &made); !error.empty()) return error;
    if (connect(made.get(), options_.remote.get(), options_.remote.size) != 0 && errno != EINPROGRESS) {
      errors_.Count(errno);
      return {};
    }
    socket_ = std::move(made);
    connecting_ = true;
    return {};
  }

  void Send() {
    if (SendOne(socket_.get(), {.session = 1, .number = static_cast<std::uint32_t>(sent_)}))
      ++sent_;
    else
      errors_.Count(errno);
  }

  void Receive() {
    Message message;
    for (;;) {
      const std::uint64_t made_before = associations_.made;
      switch (ReceiveOne(socket_.get(), &message, &associations_)) {
        case Got::kNothing:
          return;
        case Got::kMessage:
          tally_.Count(message.session, message.number, Session::Now());
          break;
        case Got::kNotification:
          if (associations_.made > made_before) {
            up_ = true;
            connecting_ = false;
            std::fputs("ready\n", stderr);
          }
          break;
        case Got::kClosed:
          if (up_ && associations_.lost == 0) ++closed_;
          up_ = connecting_ = false;
          socket_ = Socket();
          return;
      }
    }
  }

  SctpOptions options_;
  Session session_;
  Socket socket_;
  Associations associations_;
  SequenceTally tally_;
  SendErrors errors_;
  std::uint64_t sent_ = 0;
  std::uint64_t closed_ = 0;
  bool up_ = false;
  bool connecting_ = false;
};

class Server {
 public:
  explicit Server(const SctpOptions& options) : session_(options.timing) {}

  std::string Run(const SctpOptions& options) {
    if (auto error = Open(options, &listener_); !error.empty()) return error;
    if (listen(listener_.get(), 16) != 0) return Failure("listen");
    std::fputs("ready\n", stderr);
    for (std::int64_t now = Session::Now(); session_.Running(now); now = Session::Now()) Turn(now);
    return {};
  }

  std::string Report() const {
    nlohmann::ordered_json out{{"associations", accepted_},           {"lost", associations_.lost},
                               {"restarts", associations_.restarted}, {"received", received_},
                               {"refused", errors_.refused()},        {"errors", errors_.others()}};
    return out.dump();
  }

 private:
  void Turn(std::int64_t now) {
    std::vector<pollfd> waiting{{.fd = listener_.get(), .events = POLLIN, .revents = 0}};
    for (const Socket& peer : peers_) waiting.push_back({.fd = peer.get(), .events = POLLIN, .revents = 0});
    if (poll(waiting.data(), waiting.size(), session_.WaitMs(now)) <= 0) return;
    for (std::size_t i = waiting.size() - 1; i > 0; --i)
      if (waiting[i].revents != 0 && !Answer(peers_[i - 1].get()))
        peers_.erase(peers_.begin() + static_cast<std::ptrdiff_t>(i - 1));
    if (waiting[0].revents == 0) return;
    Socket peer(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!peer.valid()) return;
    Tune(peer.get());
    ++accepted_;
    peers_.push_back(std::move(peer));
  }

  bool Answer(int fd) {
    Message message;
    for (;;) {
      switch (ReceiveOne(fd, &message, &associations_)) {
        case Got::kNothing:
          return true;
        case Got::kNotification:
          break;
        case Got::kClosed:
          return false;
        case Got::kMessage:
          ++received_;
          if (!SendOne(fd, message)) errors_.Count(errno);
      }
    }
  }

  Session session_;
  Socket listener_;
  std::vector<Socket> peers_;
  Associations associations_;
  SendErrors errors_;
  std::uint64_t accepted_ = 0;
  std::uint64_t received_ = 0;
};

}  // namespace

std::string RunSctpServer(const SctpOptions& options, std::string* report) {
  SctpOptions listening = options;
  listening.timing.rate = 0;
  Server server(listening);
  if (auto error = server.Run(listening); !error.empty()) return error;
  *report = server.Report();
  return {};
}

std::string RunSctpClient(const SctpOptions& options, std::string* report) {
  Client client(options);
  if (auto error = client.Run(); !error.empty()) return error;
  *report = client.Report();
  return {};
}

}  // namespace henb::lab
