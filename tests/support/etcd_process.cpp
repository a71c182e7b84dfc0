#include "tests/support/etcd_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <vector>

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

int FreePort() {
  const common::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  return ntohs(address.sin_port);
}

std::string ContentOf(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

EtcdProcess::EtcdProcess() : client_port_(FreePort()), peer_port_(FreePort()) {
  const TestCredential server = authority_.IssueHenb("localhost");
  std::ofstream(folder_.File("ca.pem")) << ca_pem();
  std::ofstream(folder_.File("server.pem")) << server.certificate.pem();
  std::ofstream(folder_.File("server.key")) << PemOf(server.key.get());
  Start();
}

EtcdProcess::~EtcdProcess() { Kill(); }

void EtcdProcess::Kill() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void EtcdProcess::Start() {
  const std::string client = "https://127.0.0.1:" + std::to_string(client_port_);
  const std::string peer = "http://127.0.0.1:" + std::to_string(peer_port_);
  const std::vector<std::string> arguments = {"/usr/bin/etcd",
                                              "--name=one",
                                              "--data-dir=" + folder_.File("data"),
                                              "--listen-client-urls=" + client,
                                              "--advertise-client-urls=" + client,
                                              "--listen-peer-urls=" + peer,
                                              "--initial-advertise-peer-urls=" + peer,
                                              "--initial-cluster=one=" + peer,
                                              "--trusted-ca-file=" + folder_.File("ca.pem"),
                                              "--cert-file=" + folder_.File("server.pem"),
                                              "--key-file=" + folder_.File("server.key"),
                                              "--client-cert-auth"};
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const std::string log = folder_.File("log");
  unlink(log.c_str());
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(126);
    const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  // It listens before it serves.
  while (ContentOf(log).find("ready to serve client requests") == std::string::npos) {
    if (pid_ < 0 || waitpid(pid_, nullptr, WNOHANG) != 0 || absl::Now() > deadline) {
      std::fprintf(stderr, "etcd (Debian's etcd-server) does not serve: %s\n", ContentOf(log).c_str());
      std::abort();
    }
    absl::SleepFor(absl::Milliseconds(10));
  }
}

}  // namespace henb::tests
