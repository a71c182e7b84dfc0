#include "tests/unit/enrol/enrol_scene.h"

namespace henb::tests {

EnrolScene::EnrolScene() { StartCa(); }

void EnrolScene::StartCa(const std::string& sin, const std::function<void(TestCaConfig*)>& adjust) {
  StopCa();
  TestCaConfig config;
  config.ca_chain = {operator_ca.certificate(), operator_root.certificate()};
  config.ca_key = std::shared_ptr<EVP_PKEY>(operator_ca.key(), [](EVP_PKEY*) {});
  config.ra_name = ra_name;
  config.vendor_roots = {vendor.certificate()};
  config.sin = sin;
  if (adjust) adjust(&config);
  ca_ = TestCa::Create(std::move(config)).value();
  server_ = HttpServer::Listen("127.0.0.1", 0, [this](const std::string& body) { return ca_->Handle(body); }).value();
  port_ = server_->port();
}

void EnrolScene::StopCa() {
  server_.reset();
  ca_.reset();
}

x2sec::core::EnrolRequest EnrolScene::Request() const {
  x2sec::core::EnrolRequest request;
  request.identity = common::HenbId::Parse("henb-a.example").value();
  request.server_url = url();
  request.recipient = ra_name;
  request.vendor_chain = {device.certificate, vendor_sub.certificate(), vendor.certificate()};
  request.operator_roots = {operator_root.certificate()};
  request.message_timeout = absl::Seconds(5);
  request.total_timeout = absl::Seconds(20);
  return request;
}

absl::StatusOr<x2sec::core::Enrolled> EnrolScene::Enrol(const x2sec::core::EnrolRequest& request, bool kept) {
  x2sec::enrol::EncodedSigningKey vendor_key(Pkcs8Of(device.key.get()));
  x2sec::enrol::CmpEnroller::Parts parts{*keys_, vendor_key, *clock, state_path(), wait_};
  if (transport_) parts.transport = transport_;
  x2sec::enrol::CmpEnroller enroller(std::move(parts));
  auto enrolled = enroller.Enrol(request);
  if (enrolled.ok() && kept) {
    if (const absl::Status status = enroller.Kept(); !status.ok()) return status;
  }
  return enrolled;
}

}  // namespace henb::tests
