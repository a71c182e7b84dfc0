#include "tests/support/etcd_cluster.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/unique_fd.h"

namespace henb::tests {
namespace {

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

/// Below the ports that the kernel gives to outgoing connections: one of those might take it while a member is down.
int FreePort() {
  static std::random_device random;
  while (true) {
    const int port = 12'000 + static_cast<int>(random() % 20'000);
    const common::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = Loopback(port);
    if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return port;
  }
}

std::string ContentOf(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// What http://127.0.0.1:port/metrics says; empty when nothing comes within half a second.
std::string MetricsAt(int port) {
  const common::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{.tv_sec = 0, .tv_usec = 500'000};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const sockaddr_in address = Loopback(port);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return "";
  constexpr std::string_view kRequest = "GET /metrics HTTP/1.0\r\n\r\n";
  if (write(fd.get(), kRequest.data(), kRequest.size()) != static_cast<ssize_t>(kRequest.size())) return "";
  std::string text;
  char buffer[16384];
  for (ssize_t got = 0; (got = read(fd.get(), buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

std::string Url(int port) { return "https://localhost:" + std::to_string(port); }
std::string Bound(int port) { return "https://127.0.0.1:" + std::to_string(port); }

}  // namespace

EtcdCluster::EtcdCluster(int members, std::vector<std::string> more) : more_(std::move(more)) {
  const TestCredential server = authority_.IssueHenb("localhost");
  std::ofstream(folder_.File("ca.pem")) << ca_pem();
  std::ofstream(folder_.File("server.pem")) << server.certificate.pem();
  std::ofstream(folder_.File("server.key")) << PemOf(server.key.get());
  for (int i = 0; i < members; ++i) {
    members_.push_back({.name = "m" + std::to_string(i),
                        .client_port = FreePort(),
                        .peer_port = FreePort(),
                        .metrics_port = FreePort()});
  }
  for (int i = 0; i < members; ++i) Launch(i);
  for (int i = 0; i < members; ++i) AwaitServing(i);
}

EtcdCluster::~EtcdCluster() {
  for (int i = 0; i < size(); ++i) Kill(i);
}

void EtcdCluster::Kill(int member) {
  pid_t& pid = members_[static_cast<std::size_t>(member)].pid;
  if (pid < 0) return;
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  pid = -1;
}

void EtcdCluster::Freeze(int member) { kill(members_[static_cast<std::size_t>(member)].pid, SIGSTOP); }
void EtcdCluster::Thaw(int member) { kill(members_[static_cast<std::size_t>(member)].pid, SIGCONT); }

std::vector<std::string> EtcdCluster::addresses() const {
  std::vector<std::string> addresses;
  for (const Member& member : members_) addresses.push_back("localhost:" + std::to_string(member.client_port));
  return addresses;
}

std::string EtcdCluster::data_folder(int member) const {
  return folder_.File(members_[static_cast<std::size_t>(member)].name);
}

std::optional<int> EtcdCluster::Leader() const {
  for (int i = 0; i < size(); ++i) {
    const std::string metrics = MetricsAt(members_[static_cast<std::size_t>(i)].metrics_port);
    if (metrics.find("\netcd_server_is_leader 1") != std::string::npos) return i;
  }
  return std::nullopt;
}

std::vector<std::string> EtcdCluster::ArgumentsOf(const Member& member) const {
  std::string cluster;
  for (const Member& each : members_) {
    cluster += (cluster.empty() ? "" : ",") + each.name + "=" + Url(each.peer_port);
  }
  std::vector<std::string> arguments = {"/usr/bin/etcd",
                                        "--name=" + member.name,
                                        "--data-dir=" + folder_.File(member.name),
                                        "--listen-client-urls=" + Bound(member.client_port),
                                        "--advertise-client-urls=" + Url(member.client_port),
                                        "--listen-peer-urls=" + Bound(member.peer_port),
                                        "--initial-advertise-peer-urls=" + Url(member.peer_port),
                                        "--initial-cluster=" + cluster,
                                        "--listen-metrics-urls=http://127.0.0.1:" + std::to_string(member.metrics_port),
                                        "--trusted-ca-file=" + folder_.File("ca.pem"),
                                        "--cert-file=" + folder_.File("server.pem"),
                                        "--key-file=" + folder_.File("server.key"),
                                        "--client-cert-auth",
                                        "--peer-trusted-ca-file=" + folder_.File("ca.pem"),
                                        "--peer-cert-file=" + folder_.File("server.pem"),
                                        "--peer-key-file=" + folder_.File("server.key"),
                                        "--peer-client-cert-auth"};
  arguments.insert(arguments.end(), more_.begin(), more_.end());
  return arguments;
}

void EtcdCluster::Launch(int member) {
  Member& launched = members_[static_cast<std::size_t>(member)];
  const std::vector<std::string> arguments = ArgumentsOf(launched);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const std::string log = LogOf(launched);
  unlink(log.c_str());
  const pid_t parent = getpid();
  launched.pid = fork();
  if (launched.pid != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);
  const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(fd, STDOUT_FILENO);
  dup2(fd, STDERR_FILENO);
  execv(argv[0], argv.data());
  _exit(127);
}

void EtcdCluster::AwaitServing(int member) {
  const Member& awaited = members_[static_cast<std::size_t>(member)];
  const std::string log = LogOf(awaited);
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  // It listens before it serves.
  while (ContentOf(log).find("ready to serve client requests") == std::string::npos) {
    if (awaited.pid < 0 || waitpid(awaited.pid, nullptr, WNOHANG) != 0 || absl::Now() > deadline) {
      std::fprintf(stderr, "etcd (Debian's etcd-server) does not serve: %s\n", ContentOf(log).c_str());
      std::abort();
    }
    absl::SleepFor(absl::Milliseconds(10));
  }
}

}  // namespace henb::tests
