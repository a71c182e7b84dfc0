#include "tests/ca/bouncy/bouncy_ra.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "common/strings.h"

namespace henb::tests {
namespace {

constexpr int kStartMilliseconds = 60'000;
constexpr std::string_view kReady = "listening on port ";

/// A line that says where it listens; 0 when none comes in time.
int PortFrom(int output) {
  std::string text;
  pollfd ready{output, POLLIN, 0};
  char buffer[256];
  while (text.find('\n') == std::string::npos && poll(&ready, 1, kStartMilliseconds) == 1) {
    const ssize_t got = read(output, buffer, sizeof buffer);
    if (got <= 0) return 0;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  if (!text.starts_with(kReady)) return 0;
  return common::ParseNumber<int>(std::string_view(text).substr(kReady.size(), text.find('\n') - kReady.size()))
      .value_or(0);
}

}  // namespace

std::string BouncyRa::Write(const std::string& name, const std::string& content) const {
  std::ofstream(folder_.File(name)) << content;
  return folder_.File(name);
}

BouncyRa::BouncyRa(const Parts& parts) {
  std::vector<std::string> words = {X2_JAVA,
                                    "-XX:TieredStopAtLevel=1",
                                    "-cp",
                                    X2_BOUNCY_CLASSPATH,
                                    "BouncyRa",
                                    "--ca-key",
                                    Write("ca.key", PemOf(parts.ca.key())),
                                    "--ca-cert",
                                    Write("ca.pem", parts.ca.certificate().pem()),
                                    "--ra-name",
                                    parts.ra_name,
                                    "--ledger",
                                    folder_.File("ledger")};
  const auto add = [&](const std::string& option, const std::vector<common::Certificate>& certificates) {
    for (std::size_t i = 0; i < certificates.size(); ++i) {
      words.push_back("--" + option);
      words.push_back(Write(common::StrCat(option, i, ".pem"), certificates[i].pem()));
    }
  };
  add("vendor-root", parts.vendor_roots);
  add("nem", parts.nems);
  for (const std::string& device : parts.devices) words.insert(words.end(), {"--device", device});
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  int in[2];
  int out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) std::abort();
  const common::UniqueFd read_end(in[0]);
  input_.reset(in[1]);
  const common::UniqueFd output(out[0]);
  {
    const common::UniqueFd write_end(out[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, read_end.get(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
    const int failed = posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
      pid_ = -1;
      return;
    }
  }
  const int port = PortFrom(output.get());
  if (port != 0) url_ = common::StrCat("http://127.0.0.1:", port, "/pkix/");
}

BouncyRa::~BouncyRa() {
  input_.reset();
  if (pid_ > 0) waitpid(pid_, nullptr, 0);
}

std::vector<std::string> BouncyRa::Ledger() const {
  std::vector<std::pair<std::string, std::string>> states;
  std::ifstream file(folder_.File("ledger"));
  for (std::string line; std::getline(file, line);) {
    const std::size_t space = line.find(' ');
    const std::string serial = line.substr(0, space);
    const auto known =
        std::find_if(states.begin(), states.end(), [&](const auto& each) { return each.first == serial; });
    if (known == states.end()) {
      states.emplace_back(serial, line.substr(space + 1));
    } else {
      known->second = line.substr(space + 1);
    }
  }
  std::vector<std::string> out;
  for (const auto& [serial, state] : states) out.push_back(state);
  return out;
}

}  // namespace henb::tests
