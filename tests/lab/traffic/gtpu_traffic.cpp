#include "tests/lab/traffic/gtpu_traffic.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/lab/traffic/gtpu_packet.h"
#include "tests/lab/traffic/sequence_tally.h"

namespace henb::lab {
namespace {

constexpr std::size_t kLargest = 65536;

class Gtpu {
 public:
  explicit Gtpu(const GtpuOptions& options)
      : options_(options), session_(options.timing), number_(std::random_device{}()) {}
  ~Gtpu() {
    if (socket_ >= 0) close(socket_);
  }
  Gtpu(const Gtpu&) = delete;
  Gtpu& operator=(const Gtpu&) = delete;

  std::string Open() {
    socket_ = socket(options_.local.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (socket_ < 0) return std::string("socket: ") + std::strerror(errno);
    const int buffer = 1 << 20;
    setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    const std::string& device = options_.device;
    if (!device.empty() &&
        setsockopt(socket_, SOL_SOCKET, SO_BINDTODEVICE, device.c_str(), static_cast<socklen_t>(device.size())) != 0)
      return "interface " + device + ": " + std::strerror(errno);
    if (bind(socket_, options_.local.get(), options_.local.size) != 0)
      return std::string("bind: ") + std::strerror(errno);
    return {};
  }

  void Run() {
    for (std::int64_t now = Session::Now(); session_.Running(now); now = Session::Now()) {
      while (session_.DueToSend(now)) Send();
      pollfd waiting{.fd = socket_, .events = POLLIN, .revents = 0};
      if (poll(&waiting, 1, session_.WaitMs(now)) > 0) Receive();
    }
  }

  std::string Report() const {
    nlohmann::ordered_json out{{"attempted", session_.attempted()},
                               {"sent", sent_},
                               {"refused", errors_.refused()},
                               {"errors", errors_.others()},
                               {"received", tally_.received()},
                               {"missing", tally_.missing()},
                               {"duplicated", tally_.duplicated()},
                               {"reordered", tally_.reordered()},
                               {"foreign", foreign_},
                               {"sessions", tally_.sessions()},
                               {"longest_gap_ms", tally_.longest_gap_ms()}};
    return out.dump();
  }

 private:
  void Send() {
    const auto number = static_cast<std::uint32_t>(session_.attempted() - 1);
    const GtpuPacket packet{.teid = options_.teid,
                            .gtpu_sequence = static_cast<std::uint16_t>(number),
                            .session = number_,
                            .number = number};
    const auto bytes = packet.Encode(options_.size);
    if (sendto(socket_, bytes.data(), bytes.size(), 0, options_.remote.get(), options_.remote.size) < 0)
      errors_.Count(errno);
    else
      ++sent_;
  }

  void Receive() {
    std::array<std::byte, kLargest> buffer;
    for (;;) {
      const ssize_t size = recv(socket_, buffer.data(), buffer.size(), 0);
      if (size < 0) return;
      const auto packet = GtpuPacket::Decode(std::span(buffer).first(static_cast<std::size_t>(size)));
      if (packet)
        tally_.Count(packet->session, packet->number, Session::Now());
      else
        ++foreign_;
    }
  }

  GtpuOptions options_;
  Session session_;
  std::uint32_t number_;
  SequenceTally tally_;
  SendErrors errors_;
  std::uint64_t sent_ = 0;
  std::uint64_t foreign_ = 0;
  int socket_ = -1;
};

}  // namespace

std::string RunGtpu(const GtpuOptions& options, std::string* report) {
  Gtpu gtpu(options);
  if (auto error = gtpu.Open(); !error.empty()) return error;
  std::fputs("ready\n", stderr);
  gtpu.Run();
  *report = gtpu.Report();
  return {};
}

}  // namespace henb::lab
