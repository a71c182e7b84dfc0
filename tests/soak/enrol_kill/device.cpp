#include "device.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "common/event_loop.h"
#include "common/file.h"
#include "common/random.h"
#include "common/status.h"
#include "henb-x2sec/app/credentials/certificate_succession.h"
#include "henb-x2sec/app/enrolment/enrolment.h"
#include "henb-x2sec/enrol/cmp_enroller.h"
#include "henb-x2sec/nss/nss_certificate_store.h"
#include "tests/support/fake_ike_daemon.h"

namespace henb::tests {
namespace {

using namespace x2sec::app;  // NOLINT(google-build-using-namespace): a test's own file

constexpr absl::Duration kAtMost = absl::Minutes(2);

Config ConfigOf(const DevicePlace& place) {
  Config config;
  config.id = *common::HenbId::Parse("henb-a.example");
  config.state_dir = place.folder;
  config.run_dir = place.folder;
  config.vendor_certificate = place.folder + "/vendor.pem";
  config.vendor_key = place.folder + "/vendor.key";
  config.vendor_root = place.folder + "/vendor-root.pem";
  config.operator_root = place.folder + "/operator-root.pem";
  return config;
}

/// The same parts as in x2secd, but for pluto, which is in memory and has no link.
class Device {
 public:
  Device(const DevicePlace& place, std::unique_ptr<x2sec::nss::NssCertificateStore> store, Credentials credentials)
      : config_(ConfigOf(place)),
        store_(std::move(store)),
        credentials_(std::move(credentials)),
        vendor_key_(credentials_.vendor_key_pem().Clone()),
        enroller_({.keys = *store_,
                   .vendor_key = vendor_key_,
                   .clock = clock_,
                   .state_path = config_.state_dir + "/enrolment.json"}),
        succession_({.loop = loop_,
                     .clock = clock_,
                     .random = random_,
                     .ike_worker = ike_worker_,
                     .ike = ike_,
                     .store = *store_,
                     .credentials = credentials_,
                     .path = config_.state_dir + "/superseded_keys.json",
                     .left_behind = [](std::uint64_t) { return std::vector<common::HenbId>{}; },
                     .change_key = [](const common::HenbId&, const auto& done) { done(absl::OkStatus()); },
                     .starts = [](const common::HenbId&) { return true; },
                     .look_at_pluto = [] {},
                     .note = [](const std::string&, bool, const std::string&) {}}),
        enrolment_({.config = config_,
                    .loop = loop_,
                    .clock = clock_,
                    .random = random_,
                    .worker = enrol_worker_,
                    .enroller = &enroller_,
                    .store = *store_,
                    .ike = ike_,
                    .credentials = credentials_,
                    .clock_sane = [] { return true; },
                    .replacing = [this](const std::string& ckaid) { return succession_.WillReplace(ckaid); },
                    .open_way = [](const auto&) {},
                    .close_way = [] {},
                    .done = [this] { succession_.Begin(); },
                    .failed = [](const absl::Status& why) { std::cerr << "attempt: " << why << "\n"; }}) {
    policy::Enrolment terms;
    terms.server_url = place.ca_url;
    terms.recipient = place.ra_name;
    terms.nem_url = place.nem_url;
    enrolment_.SetTerms(terms);
  }
  ~Device() {
    enroller_.Stop();
    enrol_worker_.Stop();
    ike_worker_.Stop();
  }

  absl::Status Run(DeviceErrand errand) {
    enrolment_.Resume();
    succession_.Begin();
    if (errand == DeviceErrand::kRenew && enrolment_.View().state != "RUNNING") RETURN_IF_ERROR(enrolment_.Now());
    enrolment_.Request();
    const absl::Duration end = clock_.Steady() + kAtMost;
    while (!Settled()) {
      if (clock_.Steady() > end) return absl::DeadlineExceededError("the device does not come to rest");
      loop_.RunOnce(absl::Milliseconds(20));
    }
    return absl::OkStatus();
  }

  absl::Status Report(const std::string& path) {
    nlohmann::json held = {{"installed_after_ms", absl::ToInt64Milliseconds(installed_after_)},
                           {"serial", credentials_.operator_credential()->certificate.serial_hex()},
                           {"keys", nlohmann::json::array()},
                           {"without_certificate", nlohmann::json::array()}};
    ASSIGN_OR_RETURN(const auto keys, store_->Keys());
    for (const auto& key : keys) held["keys"].push_back(key.ckaid);
    ASSIGN_OR_RETURN(const auto bare, store_->KeysWithoutCertificate());
    for (const std::string& ckaid : bare) held["without_certificate"].push_back(ckaid);
    return common::WriteFileAtomically(path, held.dump(), 0600);
  }

 private:
  bool Settled() {
    if (enrolment_.View().state != "ENROLLED" || enroller_.Unfinished()) return false;
    if (installed_after_ == absl::ZeroDuration()) installed_after_ = clock_.Steady() - begun_;
    return succession_.ToGo().empty();
  }

  common::SystemClock clock_;
  const absl::Duration begun_ = clock_.Steady();
  absl::Duration installed_after_;
  common::SystemRandom random_;
  common::EventLoop loop_{clock_};
  common::Worker enrol_worker_{loop_, 1};
  common::Worker ike_worker_{loop_, 1};
  FakeIkeNetwork network_;
  FakeIkeDaemon ike_{network_, nullptr};
  Config config_;
  std::unique_ptr<x2sec::nss::NssCertificateStore> store_;
  Credentials credentials_;
  x2sec::enrol::EncodedSigningKey vendor_key_;
  x2sec::enrol::CmpEnroller enroller_;
  CertificateSuccession succession_;
  Enrolment enrolment_;
};

absl::Status RunIn(const DevicePlace& place, DeviceErrand errand) {
  ASSIGN_OR_RETURN(auto store, x2sec::nss::NssCertificateStore::Open(place.nssdb));
  ASSIGN_OR_RETURN(Credentials credentials, Credentials::Load(ConfigOf(place), *store));
  RETURN_IF_ERROR(credentials.ImportInto(*store).status());
  Device device(place, std::move(store), std::move(credentials));
  RETURN_IF_ERROR(device.Run(errand));
  return device.Report(place.folder + "/held.json");
}

}  // namespace

int RunDevice(const DevicePlace& place, DeviceErrand errand) {
  const absl::Status status = RunIn(place, errand);
  if (status.ok()) return 0;
  std::cerr << "device: " << status << "\n";
  return 1;
}

}  // namespace henb::tests
