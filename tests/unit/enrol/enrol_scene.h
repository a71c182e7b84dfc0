// A device, a vendor, an operator with a running RA/CA: what the tests of enrolment play in.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "henb-x2sec/enrol/cmp_enroller.h"
#include "tests/ca/http_server.h"
#include "tests/ca/test_ca.h"
#include "tests/support/fake_certificate_store.h"
#include "tests/support/temp_directory.h"
#include "tests/support/test_pki.h"

namespace henb::tests {

/// Owns all of it. The CA answers over HTTP on loopback.
class EnrolScene {
 public:
  EnrolScene();

  /// Starts (again) the RA/CA; `adjust` may change its configuration.
  void StartCa(const std::string& sin = "", const std::function<void(TestCaConfig*)>& adjust = nullptr);
  void StopCa();
  /// The running CA, with what it knows, stops sinning.
  void RepentCa() { ca_->Repent(); }

  /// A request that succeeds when nobody sins.
  [[nodiscard]] x2sec::core::EnrolRequest Request() const;
  [[nodiscard]] absl::StatusOr<x2sec::core::Enrolled> Enrol() { return Enrol(Request()); }
  /// As a daemon started anew would: nothing is remembered but store and state file. Not `kept`: it dies before it has
  /// put the answer where it needs it.
  [[nodiscard]] absl::StatusOr<x2sec::core::Enrolled> Enrol(const x2sec::core::EnrolRequest& request, bool kept = true);
  void UseStore(x2sec::core::DeviceKeyStore* keys) { keys_ = keys; }
  /// What happens where the enroller waits.
  void UseWait(std::function<bool(absl::Duration)> wait) { wait_ = std::move(wait); }
  void UseTransport(x2sec::enrol::CmpEnroller::TransportFactory factory) { transport_ = std::move(factory); }

  [[nodiscard]] TestCa& ca() { return *ca_; }
  [[nodiscard]] Ledger& ledger() { return ca_->ledger(); }
  [[nodiscard]] FakeCertificateStore& store() { return store_; }
  [[nodiscard]] std::string state_path() const { return directory_.File("enrolment.json"); }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/pkix/"; }

  TestAuthority vendor = TestAuthority::Root("/O=Vendor 1/CN=Vendor 1 Root");
  TestAuthority vendor_sub = vendor.Subordinate("/O=Vendor 1/CN=Vendor 1 Devices");
  TestAuthority operator_root = TestAuthority::Root("/O=Operator 1/CN=Operator 1 Root");
  TestAuthority operator_ca = operator_root.Subordinate("/O=Operator 1/CN=Operator CA 1");
  TestCredential device = vendor_sub.IssueHenb("henb-a.example");
  const std::string ra_name = "/O=Operator 1/CN=RA";
  common::SystemClock system_clock;
  const common::Clock* clock = &system_clock;

 private:
  TempDirectory directory_;
  FakeCertificateStore store_;
  x2sec::core::DeviceKeyStore* keys_ = &store_;
  x2sec::enrol::CmpEnroller::TransportFactory transport_;
  std::unique_ptr<TestCa> ca_;
  std::unique_ptr<HttpServer> server_;
  std::function<bool(absl::Duration)> wait_;
  int port_ = 1;
};

}  // namespace henb::tests
