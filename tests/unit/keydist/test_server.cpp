#include "tests/unit/keydist/test_server.h"

#include <grpcpp/create_channel.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "common/file.h"
#include "common/rpc/grpc_status.h"
#include "common/status.h"
#include "henb/keydist/v1/admin.grpc.pb.h"

namespace henb::keydist::test {

TemporaryFolder::TemporaryFolder() {
  std::string pattern = std::filesystem::temp_directory_path() / "keydist-XXXXXX";
  path_ = mkdtemp(pattern.data());
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::Write(const std::string& name, const std::string& content, mode_t mode) const {
  const std::string path = path_ + "/" + name;
  common::WriteFileAtomically(path, content, mode).IgnoreError();
  return path;
}

TestServer::TestServer() {
  const Identity server = operator_ca.Issue("keydist.example");
  config.listen_address = *common::IpAddress::Parse("127.0.0.1");
  config.listen_port = 0;
  config.placement = app::Placement::kBehindSegw;
  config.new_connections_per_second = 10'000;  // All HeNBs are at one address here.
  config.connections_per_address = 10'000;
  config.inner_pool = {*common::Cidr::Parse("127.0.0.0/8")};
  config.certificate = folder.Write("server.pem", server.certificate_pem);
  config.key = folder.Write("server.key", server.key_pem);
  config.anchors = {folder.Write("operator.pem", operator_ca.pem()), folder.Write("one.pem", vendor_one.pem()),
                    folder.Write("two.pem", vendor_two.pem())};
  config.state_dir = folder.path() + "/state";
  config.run_dir = folder.path() + "/run";
  config.audit_path = config.state_dir + "/audit.jsonl";
  config.audit_heads_path = config.state_dir + "/audit-heads.jsonl";
  config.audit_heads_key = config.state_dir + "/audit-heads.key";
  config.audit_replica = "gw-1";
  std::string kek(32, '\0');
  random.Fill({reinterpret_cast<std::uint8_t*>(kek.data()), kek.size()});
  config.kek = folder.Write("kek", kek);
}

TestServer::~TestServer() { Stop(); }

void TestServer::Start() {
  auto started = app::Program::Start(config, clock, random, runner);
  if (!started.ok()) {
    std::fprintf(stderr, "server: %s\n", std::string(started.status().message()).c_str());
    std::abort();
  }
  program = *std::move(started);
  for (const auto& [id, ca] :
       {std::pair{"a.example", &vendor_one}, {"b.example", &vendor_one}, {"d.example", &vendor_two}}) {
    Add(id, *ca, "site").IgnoreError();  // Again after a restart: already there.
  }
}

void TestServer::Stop() { program.reset(); }

absl::Status TestServer::Add(const std::string& id, const TestCa& ca, const std::string& group) {
  const auto channel =
      grpc::CreateChannel("unix:" + config.run_dir + "/admin.sock", grpc::InsecureChannelCredentials());
  grpc::ClientContext context;
  v1::AddHenbRequest request;
  request.set_id(id);
  request.add_anchor_spki_sha256(ca.spki().ToHex());
  if (!group.empty()) request.add_groups(group);
  v1::Henb response;
  return common::FromGrpc(v1::Admin::NewStub(channel)->AddHenb(&context, request, &response));
}

int TestServer::CtlAt(const app::Config& at, std::vector<std::string> arguments, std::string* output,
                      std::string* error) {
  common::ProcessRequest request;
  request.argv = {KEYDISTCTL, "--socket", at.run_dir + "/admin.sock"};
  request.argv.insert(request.argv.end(), arguments.begin(), arguments.end());
  request.deadline = absl::Seconds(30);
  common::SystemProcessRunner system;
  const auto result = system.Run(request);
  if (!result.ok()) return -1;
  if (output != nullptr) *output = result->output;
  if (error != nullptr) *error = result->error;
  return result->exit_status;
}

std::unique_ptr<x2sec::keydist_client::KeyServiceClient> TestServer::ClientAt(int port, const Identity& identity) {
  x2sec::keydist_client::ClientOptions options;
  options.address = common::StrCat("127.0.0.1:", port);
  options.server_name = "keydist.example";
  options.operator_root_pem = operator_ca.pem();
  options.deadline = absl::Seconds(10);
  options.first_retry = absl::Milliseconds(50);
  options.most_retry = absl::Milliseconds(500);
  return std::make_unique<x2sec::keydist_client::KeyServiceClient>(
      std::move(options),
      x2sec::keydist_client::ClientCredentials{identity.certificate_pem, common::SecretBytes::CopyOf(identity.key_pem)},
      random);
}

}  // namespace henb::keydist::test
