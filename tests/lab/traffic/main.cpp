// x2traffic: X2-U (GTP-U) and X2-C (SCTP) traffic with sequence numbers, for the lab.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/lab/traffic/gtpu_traffic.h"
#include "tests/lab/traffic/sctp_traffic.h"

namespace {

using henb::lab::GtpuOptions;
using henb::lab::SctpOptions;
using henb::lab::SocketAddress;

constexpr int kUsage = 2;
constexpr std::uint16_t kGtpuPort = 2152;
constexpr std::uint16_t kX2cPort = 36422;

constexpr std::string_view kHelp =
    R"(x2traffic gtpu|sctp-server|sctp-client --local ADDRESS [--remote ADDRESS] [options]
  --port N           local port (gtpu 2152, sctp-server 36422, sctp-client any)
  --remote-port N    port of the peer (gtpu 2152, sctp-client 36422)
  --device NAME      gtpu: bind to this interface
  --rate N           packets or messages a second (gtpu 200, sctp-client 20); 0: receive only
  --count N          end after so many; default: at SIGTERM or the deadline
  --size N           gtpu: bytes of payload (100)
  --deadline S       ends by itself after S seconds (300)
  --linger S         goes on receiving for S seconds after the last packet (1)
  --connect S        sctp-client: gives up without an association after S seconds (60)
  --hold             sends nothing before SIGUSR1
  --reconnect        sctp-client: a new association when one is lost
Statistics go to standard output as one JSON object at the end; "ready" to standard error.
)";

struct Arguments {
  std::string mode;
  std::map<std::string, std::string> values;
  bool hold = false;
  bool reconnect = false;

  bool Has(const std::string& name) const { return values.contains(name); }
};

bool Number(const Arguments& given, const std::string& name, double* out) {
  const auto found = given.values.find(name);
  if (found == given.values.end()) return true;
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  if (error == std::errc() && end == text.data() + text.size() && *out >= 0) return true;
  std::fprintf(stderr, "x2traffic: --%s: \"%s\" is not a number\n", name.c_str(), text.c_str());
  return false;
}

bool Port(const Arguments& given, const std::string& name, std::uint16_t* out) {
  double value = *out;
  if (!Number(given, name, &value)) return false;
  *out = static_cast<std::uint16_t>(value);
  if (value == *out) return true;
  std::fprintf(stderr, "x2traffic: --%s: not a port\n", name.c_str());
  return false;
}

bool Address(const Arguments& given, const std::string& name, std::uint16_t port, SocketAddress* out) {
  const auto found = given.values.find(name);
  const auto parsed = found == given.values.end() ? std::nullopt : SocketAddress::Parse(found->second, port);
  if (parsed) {
    *out = *parsed;
    return true;
  }
  std::fprintf(stderr, "x2traffic: --%s: an IPv4 or IPv6 address is needed\n", name.c_str());
  return false;
}

bool Timing(const Arguments& given, double rate, henb::lab::Session::Timing* out) {
  double count = 0;
  out->rate = rate;
  out->hold = given.hold;
  if (!Number(given, "rate", &out->rate) || !Number(given, "count", &count) ||
      !Number(given, "deadline", &out->deadline_s) || !Number(given, "linger", &out->linger_s))
    return false;
  out->count = static_cast<std::uint64_t>(count);
  return true;
}

bool Parse(int argc, char** argv, Arguments* out) {
  static const std::vector<std::string> kKnown{"local", "remote", "port",     "remote-port", "device", "rate",
                                               "count", "size",   "deadline", "linger",      "connect"};
  if (argc < 2) return false;
  out->mode = argv[1];
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--hold") {
      out->hold = true;
    } else if (word == "--reconnect") {
      out->reconnect = true;
    } else if (word.starts_with("--") && i + 1 < argc &&
               std::find(kKnown.begin(), kKnown.end(), word.substr(2)) != kKnown.end()) {
      out->values[word.substr(2)] = argv[++i];
    } else {
      std::fprintf(stderr, "x2traffic: %s: unknown, or without a value\n", word.c_str());
      return false;
    }
  }
  return true;
}

int Finish(const std::string& error, const std::string& report) {
  if (!error.empty()) {
    std::fprintf(stderr, "x2traffic: %s\n", error.c_str());
    return 1;
  }
  std::printf("%s\n", report.c_str());
  return 0;
}

int Gtpu(const Arguments& given) {
  GtpuOptions options;
  std::uint16_t port = kGtpuPort;
  std::uint16_t remote_port = kGtpuPort;
  double size = static_cast<double>(options.size);
  if (!Port(given, "port", &port) || !Port(given, "remote-port", &remote_port) ||
      !Address(given, "local", port, &options.local) || !Address(given, "remote", remote_port, &options.remote) ||
      !Number(given, "size", &size) || !Timing(given, 200, &options.timing))
    return kUsage;
  options.size = static_cast<std::size_t>(size);
  if (given.Has("device")) options.device = given.values.at("device");
  std::string report;
  const std::string error = henb::lab::RunGtpu(options, &report);
  return Finish(error, report);
}

int Sctp(const Arguments& given, bool server) {
  SctpOptions options;
  std::uint16_t port = server ? kX2cPort : 0;
  std::uint16_t remote_port = kX2cPort;
  options.reconnect = given.reconnect;
  if (!Port(given, "port", &port) || !Port(given, "remote-port", &remote_port) ||
      !Address(given, "local", port, &options.local) || !Number(given, "connect", &options.connect_s) ||
      !Timing(given, 20, &options.timing))
    return kUsage;
  if (!server && !Address(given, "remote", remote_port, &options.remote)) return kUsage;
  std::string report;
  const std::string error =
      server ? henb::lab::RunSctpServer(options, &report) : henb::lab::RunSctpClient(options, &report);
  return Finish(error, report);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments given;
  if (Parse(argc, argv, &given)) {
    if (given.mode == "gtpu") return Gtpu(given);
    if (given.mode == "sctp-server") return Sctp(given, true);
    if (given.mode == "sctp-client") return Sctp(given, false);
  }
  std::fputs(kHelp.data(), stderr);
  return kUsage;
}
