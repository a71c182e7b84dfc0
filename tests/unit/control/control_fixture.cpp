#include "control_fixture.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "henb-x2sec/ctl/run.h"

namespace henb::x2sec::control {

namespace {

CtlResult RunCtl(const std::string& socket, std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--socket", socket});
  std::ostringstream out;
  std::ostringstream err;
  CtlResult result;
  result.status = ctl::Run(std::move(arguments), out, err);
  result.out = out.str();
  result.err = err.str();
  return result;
}

}  // namespace

ControlFixture::ControlFixture() : folder_("/tmp/x2ctl.XXXXXX") {
  if (mkdtemp(folder_.data()) == nullptr) std::abort();
}

ControlFixture::~ControlFixture() {
  server_.reset();
  std::filesystem::remove_all(folder_);
}

ControlServerConfig ControlFixture::Config() const {
  ControlServerConfig config;
  config.control_socket = folder_ + "/run/control.sock";
  config.status_socket = folder_ + "/run/status.sock";
  config.admin_group = "no-such-group-here";
  config.status_group = "no-such-group-here";
  return config;
}

void ControlFixture::StartServer() {
  absl::StatusOr<std::unique_ptr<ControlServer>> server = ControlServer::Start(Config(), backend_);
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
}

CtlResult ControlFixture::Ctl(std::vector<std::string> arguments) const {
  return RunCtl(Config().control_socket, std::move(arguments));
}

CtlResult ControlFixture::StatusCtl(std::vector<std::string> arguments) const {
  return RunCtl(Config().status_socket, std::move(arguments));
}

std::string ControlFixture::Write(const std::string& name, const std::string& content) const {
  const std::string path = folder_ + "/" + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

LinkView FullLink() {
  LinkView link;
  link.neighbour = "henb-b.example";
  link.state = "UP_PSK";
  link.decision = "PSK";
  link.method = "PSK";
  link.rule = "inner-ring";
  link.reason = "no common anchor, peer has no CMPv2";
  link.last_error = "key change refused";
  link.policy_version = 18'446'744'073'709'551'615U;
  link.local_ike_id = "henb-a.example";
  link.peer_ike_id = "henb-b.example";
  link.epoch = 42;
  link.generation = 3;
  link.reqid = 16379;
  link.since = absl::FromUnixMillis(1'800'000'000'250);
  link.esp = EspView{
      .spi_in = 0x1f, .spi_out = 0xdeadbeef, .bytes_in = 1, .bytes_out = 9'007'199'254'740'993U, .suite = "aes_gcm256"};
  link.certificate = CertificateView{"0a1b", "O=Vendor,CN=Root", absl::FromUnixSeconds(1'900'000'000)};
  link.quantum_safe = false;
  return link;
}

LinkView BlockedLink() {
  LinkView link;
  link.neighbour = "henb-f.example";
  link.state = "BLOCKED";
  link.decision = "BLOCK";
  link.reason = "no rule matches";
  return link;
}

}  // namespace henb::x2sec::control
