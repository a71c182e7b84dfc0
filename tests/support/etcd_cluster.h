// A real etcd (Debian's etcd-server) of one member or several, on loopback, with TLS and client certificates.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/support/temp_directory.h"
#include "tests/support/test_pki.h"

namespace henb::tests {

/// Starts on free ports, in a folder of its own that dies with it; members talk among each other by TLS too. Aborts
/// when etcd cannot be started or does not serve within 30 s. One thread.
class EtcdCluster {
 public:
  /// `more` arguments for every member.
  explicit EtcdCluster(int members, std::vector<std::string> more = {});
  ~EtcdCluster();
  EtcdCluster(const EtcdCluster&) = delete;
  EtcdCluster& operator=(const EtcdCluster&) = delete;

  /// kill -9: what it had acknowledged is on the disk.
  void Kill(int member);
  /// Again with the same data and ports; does not wait.
  void Launch(int member);
  /// Returns when it serves.
  void AwaitServing(int member);
  /// SIGSTOP: its connections stand and nothing answers. SIGCONT.
  void Freeze(int member);
  void Thaw(int member);
  /// The one that leads, of those that answer; none while there is none.
  [[nodiscard]] std::optional<int> Leader() const;

  [[nodiscard]] int size() const { return static_cast<int>(members_.size()); }
  /// "localhost:port" of each.
  [[nodiscard]] std::vector<std::string> addresses() const;
  /// Where a member keeps everything.
  [[nodiscard]] std::string data_folder(int member) const;
  [[nodiscard]] std::string ca_pem() const { return authority_.certificate().pem(); }
  [[nodiscard]] std::string client_pem() const { return client_.certificate.pem(); }
  [[nodiscard]] std::string client_key_pem() const { return PemOf(client_.key.get()); }

 private:
  struct Member {
    std::string name;
    int client_port = 0;
    int peer_port = 0;
    int metrics_port = 0;
    pid_t pid = -1;
  };
  [[nodiscard]] std::vector<std::string> ArgumentsOf(const Member& member) const;
  [[nodiscard]] std::string LogOf(const Member& member) const { return folder_.File(member.name + ".log"); }

  TempDirectory folder_;
  TestAuthority authority_ = TestAuthority::Root("/O=Test/CN=etcd root");
  TestCredential client_ = authority_.IssueHenb("keydist.example");
  std::vector<std::string> more_;
  std::vector<Member> members_;
};

/// One member.
class EtcdProcess : public EtcdCluster {
 public:
  EtcdProcess() : EtcdCluster(1) {}
  void Kill() { EtcdCluster::Kill(0); }
  void Start() {
    Launch(0);
    AwaitServing(0);
  }
  [[nodiscard]] std::string address() const { return addresses()[0]; }
};

}  // namespace henb::tests
