// A whole keydist-server in this process, on loopback, with a folder of its own.
#pragma once

#include <memory>
#include <string>

#include "common/clock.h"
#include "common/process_runner.h"
#include "common/random.h"
#include "henb-x2sec/keydist_client/key_service_client.h"
#include "keydist-server/app/program.h"
#include "tests/unit/keydist/test_pki.h"

namespace henb::keydist::test {

/// Remembers what it was asked to run.
class RecordingRunner final : public common::ProcessRunner {
 public:
  absl::StatusOr<common::ProcessResult> Run(const common::ProcessRequest& request) override {
    last = request;
    return common::ProcessResult{.exit_status = exit_status, .output = "", .error = "no such thing"};
  }
  common::ProcessRequest last;
  int exit_status = 0;
};

/// A folder that is removed with all it holds.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  std::string Write(const std::string& name, const std::string& content, mode_t mode = 0600) const;

 private:
  std::string path_;
};

/// Two vendors, an operator, a server. HeNBs a and b are vendor one's, d is vendor two's; all three are in group
/// "site".
class TestServer {
 public:
  TestServer();
  ~TestServer();

  void Start();
  void Stop();
  [[nodiscard]] absl::Status Add(const std::string& id, const TestCa& ca, const std::string& group);
  /// A command of keydistctl's; its output to `output`.
  int Ctl(std::vector<std::string> arguments, std::string* output = nullptr, std::string* error = nullptr) const {
    return CtlAt(config, std::move(arguments), output, error);
  }
  [[nodiscard]] std::unique_ptr<x2sec::keydist_client::KeyServiceClient> Client(const Identity& identity) {
    return ClientAt(program->port(), identity);
  }
  /// The same of another server with these authorities.
  static int CtlAt(const app::Config& at, std::vector<std::string> arguments, std::string* output = nullptr,
                   std::string* error = nullptr);
  [[nodiscard]] std::unique_ptr<x2sec::keydist_client::KeyServiceClient> ClientAt(int port, const Identity& identity);
  [[nodiscard]] std::unique_ptr<x2sec::keydist_client::KeyServiceClient> Client(const std::string& dns,
                                                                                const TestCa& ca) {
    return Client(ca.Issue(dns));
  }

  TemporaryFolder folder;
  TestCa operator_ca{"operator root"};
  TestCa vendor_one{"vendor one root"};
  TestCa vendor_two{"vendor two root"};
  app::Config config;
  common::SystemClock clock;
  common::SystemRandom random;
  RecordingRunner runner;
  std::unique_ptr<app::Program> program;
};

[[nodiscard]] inline common::HenbId Id(std::string_view text) { return *common::HenbId::Parse(text); }

/// Polls until `holds` or the deadline; the last answer.
template <typename F>
[[nodiscard]] bool Eventually(const F& holds, absl::Duration within = absl::Seconds(10)) {
  const absl::Time deadline = absl::Now() + within;
  while (!holds()) {
    if (absl::Now() > deadline) return false;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return true;
}

}  // namespace henb::keydist::test
