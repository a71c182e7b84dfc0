// Two hosts on one wire, each a network namespace of this process.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "common/process_runner.h"
#include "common/unique_fd.h"

namespace henb::tests {

/// A namespace. Enter() puts the calling thread into it; sockets keep the namespace they were made in.
class Node {
 public:
  Node() {
    if (unshare(CLONE_NEWNET) == 0) network_ = common::UniqueFd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  }
  [[nodiscard]] bool made() const { return network_.valid(); }
  [[nodiscard]] std::string path() const {
    return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(network_.get());
  }
  void Enter() const { (void)setns(network_.get(), CLONE_NEWNET); }
  /// Empty when it went well and said nothing.
  std::string Run(std::vector<std::string> argv) const {
    Enter();
    common::SystemProcessRunner runner;
    common::ProcessRequest request;
    request.argv = std::move(argv);
    request.deadline = absl::Minutes(1);  // The first SA loads modules, slowly where the processor is emulated.
    const auto result = runner.Run(request);
    if (!result.ok()) return std::string(result.status().message());
    return result->exit_status == 0 ? result->output
                                    : "exit " + std::to_string(result->exit_status) + ": " + result->error;
  }
  /// "ip" with the words of `line`.
  std::string Ip(const std::string& line) const {
    std::vector<std::string> argv = {"/sbin/ip"};
    for (std::size_t at = 0; at < line.size();) {
      const auto end = std::min(line.find(' ', at), line.size());
      argv.push_back(line.substr(at, end - at));
      at = end + 1;
    }
    return Run(std::move(argv));
  }

 private:
  common::UniqueFd network_;
};

/// Interface "x2" of each; 10.9.0.1, fd09::1 and 10.9.0.2, fd09::2. The thread is back where it was when this dies.
class NodePair {
 public:
  NodePair() : before_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
    if (!a.made() || !b.made()) return;
    std::string said = b.Ip("link add x2 type veth peer name x2 netns " + a.path());
    for (const auto& [node, number] : {std::pair(&a, "1"), std::pair(&b, "2")}) {
      said += node->Ip("link set lo up") + node->Ip("link set x2 up") +
              node->Ip(std::string("address add 10.9.0.") + number + "/24 dev x2") +
              node->Ip(std::string("address add fd09::") + number + "/64 dev x2 nodad");
    }
    problem = said;
  }
  ~NodePair() { (void)setns(before_.get(), CLONE_NEWNET); }
  NodePair(const NodePair&) = delete;
  NodePair& operator=(const NodePair&) = delete;

  common::UniqueFd before_;
  Node a;
  Node b;
  std::string problem = "network namespaces need root";  ///< Empty: both are there.
};

}  // namespace henb::tests
