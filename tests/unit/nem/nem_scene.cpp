#include "tests/unit/nem/nem_scene.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include "common/file.h"
#include "common/strings.h"
#include "henb-x2sec/enrol/pkcs10.h"

namespace henb::tests {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);
constexpr absl::Duration kLook = absl::Milliseconds(20);

}  // namespace

std::string IdOf(const std::string& pkcs10) { return common::Sha256Digest::Of(pkcs10).ToHex(); }

NemDevice::NemDevice(const TestCredential& credential, const common::Certificate& server_root, std::string url)
    : url_(std::move(url)),
      https_(std::make_unique<x2sec::enrol::HttpsExchange>(x2sec::enrol::HttpsExchange::Settings{
          .server_roots = {server_root}, .chain = {credential.certificate}, .key = credential.key})) {}

std::string NemDevice::MakePkcs10(const std::string& name) {
  key_.reset(NewKey().release(), EVP_PKEY_free);
  return x2sec::enrol::MakePkcs10(common::HenbId::Parse(name).value(), key_).value();
}

absl::StatusOr<x2sec::enrol::HttpsReply> NemDevice::Upload(const std::string& pkcs10) {
  return https_->Exchange(url_ + "/nem/v1/requests", "application/pkcs10", pkcs10);
}

absl::StatusOr<x2sec::enrol::HttpsReply> NemDevice::Get(const std::string& id) {
  return https_->Exchange(url_ + "/nem/v1/requests/" + id, "", "");
}

absl::StatusOr<x2sec::enrol::HttpsReply> NemDevice::Tell(const std::string& id, const std::string& json) {
  return https_->Exchange(url_ + "/nem/v1/requests/" + id + "/result", "application/json", json);
}

absl::StatusOr<x2sec::enrol::HttpsReply> NemDevice::Await(const std::string& id) {
  absl::StatusOr<x2sec::enrol::HttpsReply> reply = absl::UnavailableError("not asked");
  (void)NemScene::Eventually([&] {
    reply = Get(id);
    return !reply.ok() || reply->status != 202;
  });
  return reply;
}

bool NemScene::Eventually(const std::function<bool()>& what) {
  const absl::Time deadline = absl::Now() + kPatience;
  while (!what()) {
    if (absl::Now() > deadline) return false;
    absl::SleepFor(kLook);
  }
  return true;
}

NemScene::NemScene() {
  WritePem("server.pem", nem_server.certificate.pem() + operator_ca.certificate().pem());
  WritePem("server.key", PemOf(nem_server.key.get()));
  WritePem("ra.pem", nem_ra.certificate.pem() + operator_ca.certificate().pem());
  WritePem("ra.key", PemOf(nem_ra.key.get()));
  WritePem("vendor.pem", vendor.certificate().pem());
  WritePem("operator.pem", operator_root.certificate().pem());
  WriteDeviceList({"henb-a.example", "henb-b.example", "henb-c.example"});
  config.listen_address = common::IpAddress::Parse("127.0.0.1").value();
  config.listen_port = 0;
  config.server_certificate = File("server.pem");
  config.server_key = File("server.key");
  config.device_list = File("devices");
  config.vendor_root = File("vendor.pem");
  config.store_path = File("requests.db");
  config.operator_root = File("operator.pem");
  config.ra_recipient = "/O=Operator 1/CN=RA";
  config.ra_certificate = File("ra.pem");
  config.ra_key = File("ra.key");
  config.batch_delay = absl::Milliseconds(50);
  StartCa();
}

NemScene::~NemScene() {
  StopNem();
  StopCa();
}

void NemScene::WritePem(const std::string& name, const std::string& pem) const {
  EXPECT_TRUE(common::WriteFileAtomically(File(name), pem).ok());
}

void NemScene::WriteDeviceList(const std::vector<std::string>& names) const {
  WritePem("devices", common::Join(names, "\n") + "\n");
}

void NemScene::StartCa(const std::string& sin) {
  StopCa();
  TestCaConfig ca;
  ca.ca_chain = {operator_ca.certificate(), operator_root.certificate()};
  ca.ca_key = std::shared_ptr<EVP_PKEY>(operator_ca.key(), [](EVP_PKEY*) {});
  ca.ra_name = config.ra_recipient.empty() ? "/O=Operator 1/CN=RA" : config.ra_recipient;
  ca.vendor_roots = {vendor.certificate()};
  ca.nems = {nem_ra.certificate};
  ca.devices = ca_devices;
  ca.sin = sin;
  ca_ = TestCa::Create(std::move(ca)).value();
  ca_http_ =
      HttpServer::Listen("127.0.0.1", ca_port_, [this](const std::string& body) { return ca_->Handle(body); }).value();
  ca_port_ = ca_http_->port();
}

void NemScene::StopCa() {
  ca_http_.reset();
  ca_.reset();
}

void NemScene::StartNem() {
  if (config.ra_url.empty()) config.ra_url = ca_url();
  stop_.reset(eventfd(0, EFD_CLOEXEC));
  program_ = x2sec::nem::Program::Start(config, clock_, random_).value();
  program_->WatchReadable(stop_.get(), [this] { program_->Stop(); });
  thread_ = std::thread([this] { program_->Run(); });
}

void NemScene::StopNem() {
  if (program_ == nullptr) return;
  const std::uint64_t one = 1;
  EXPECT_EQ(write(stop_.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
  thread_.join();
  program_.reset();
}

std::unique_ptr<NemDevice> NemScene::Device(const std::string& name) const { return DeviceOf(vendor, name); }

std::unique_ptr<NemDevice> NemScene::DeviceOf(const TestAuthority& vendor_ca, const std::string& name) const {
  return std::make_unique<NemDevice>(vendor_ca.IssueHenb(name), operator_root.certificate(), nem_url());
}

std::vector<x2sec::nem::Request> NemScene::Requests() const {
  return x2sec::nem::RequestStore::Open(config.store_path).value()->All().value();
}

}  // namespace henb::tests
