// An operator with an RA/CA and a nem-gateway, a vendor, devices: what the tests of the NEM play in.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/clock.h"
#include "common/random.h"
#include "common/unique_fd.h"
#include "henb-x2sec/enrol/https_exchange.h"
#include "henb-x2sec/nem/program.h"
#include "tests/ca/http_server.h"
#include "tests/ca/test_ca.h"
#include "tests/support/temp_directory.h"
#include "tests/support/test_pki.h"

namespace henb::tests {

/// A device that speaks HTTPS with its vendor certificate.
class NemDevice {
 public:
  NemDevice(const TestCredential& credential, const common::Certificate& server_root, std::string url);
  /// A PKCS#10 by the device's next key; `name` other than its own for those who lie.
  [[nodiscard]] std::string MakePkcs10(const std::string& name);
  [[nodiscard]] absl::StatusOr<x2sec::enrol::HttpsReply> Upload(const std::string& pkcs10);
  [[nodiscard]] absl::StatusOr<x2sec::enrol::HttpsReply> Get(const std::string& id);
  [[nodiscard]] absl::StatusOr<x2sec::enrol::HttpsReply> Tell(const std::string& id, const std::string& json);
  /// Asks until the answer is not "not yet", 20 s at most.
  [[nodiscard]] absl::StatusOr<x2sec::enrol::HttpsReply> Await(const std::string& id);
  [[nodiscard]] EVP_PKEY* key() const { return key_.get(); }

 private:
  std::string url_;
  std::shared_ptr<EVP_PKEY> key_;
  std::unique_ptr<x2sec::enrol::HttpsExchange> https_;
};

/// The id under which the NEM knows this PKCS#10.
[[nodiscard]] std::string IdOf(const std::string& pkcs10);

/// Owns all of it; everything on loopback.
class NemScene {
 public:
  NemScene();
  ~NemScene();

  void StartCa(const std::string& sin = "");
  void StopCa();
  /// With what its store holds. The configuration may be changed before.
  void StartNem();
  void StopNem();

  /// A device of vendor 1 with this name.
  [[nodiscard]] std::unique_ptr<NemDevice> Device(const std::string& name) const;
  [[nodiscard]] std::unique_ptr<NemDevice> DeviceOf(const TestAuthority& vendor_ca, const std::string& name) const;
  [[nodiscard]] Ledger& ledger() { return ca_->ledger(); }
  [[nodiscard]] TestCa& ca() { return *ca_; }
  [[nodiscard]] std::uint16_t nem_port() const { return program_->port(); }
  [[nodiscard]] std::string ca_url() const { return "http://127.0.0.1:" + std::to_string(ca_port_) + "/pkix/"; }
  [[nodiscard]] std::string nem_url() const { return "https://localhost:" + std::to_string(nem_port()); }
  /// What is in the NEM's store now.
  [[nodiscard]] std::vector<x2sec::nem::Request> Requests() const;
  void WriteDeviceList(const std::vector<std::string>& names) const;
  [[nodiscard]] std::string File(const std::string& name) const { return directory_.File(name); }
  /// Until `what` holds; false after 20 s.
  static bool Eventually(const std::function<bool()>& what);

  TestAuthority vendor = TestAuthority::Root("/O=Vendor 1/CN=Vendor 1 Root");
  TestAuthority operator_root = TestAuthority::Root("/O=Operator 1/CN=Operator 1 Root");
  TestAuthority operator_ca = operator_root.Subordinate("/O=Operator 1/CN=Operator CA 1");
  TestCredential nem_ra = operator_ca.Issue({.subject = "/O=Operator 1/CN=NEM 1"});
  TestCredential nem_server = operator_ca.Issue(
      {.subject = "/O=Operator 1/CN=nem", .dns_names = {"localhost"}, .extended_usages = {"serverAuth"}});
  std::vector<std::string> ca_devices = {"henb-a.example", "henb-b.example", "henb-c.example"};
  x2sec::nem::Config config;

 private:
  void WritePem(const std::string& name, const std::string& pem) const;
  TempDirectory directory_;
  common::SystemClock clock_;
  common::SystemRandom random_;
  std::unique_ptr<TestCa> ca_;
  std::unique_ptr<HttpServer> ca_http_;
  int ca_port_ = 0;
  common::UniqueFd stop_;
  std::unique_ptr<x2sec::nem::Program> program_;
  std::thread thread_;
};

}  // namespace henb::tests
