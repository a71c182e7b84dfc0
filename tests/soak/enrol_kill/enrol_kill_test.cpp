// kill -9 at random instants of an enrolment and of a renewal (R34): afterwards the CA has one live certificate for the
// device, and the key store no key that nobody knows.
//
// X2_KILLS: how many of each (5; `./dev soak enrol-kill` takes 100). X2_SEED: the instants of an earlier run.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "absl/time/clock.h"
#include "common/file.h"
#include "device.h"
#include "tests/ca/http_server.h"
#include "tests/ca/test_ca.h"
#include "tests/support/nss_database.h"
#include "tests/support/test_pki.h"

extern char** environ;

namespace henb::tests {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr absl::Duration kConfirmWithin = absl::Seconds(2);
constexpr absl::Duration kStarting = absl::Milliseconds(150);  // of a process and its key store

int FromEnvironment(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}

/// A device's files and the CA that it enrols at.
class KillScene {
 public:
  KillScene() {
    Write("vendor-root.pem", vendor_.certificate().pem());
    Write("operator-root.pem", operator_.certificate().pem());
    const TestCredential device = vendor_.IssueHenb("henb-a.example");
    Write("vendor.pem", device.certificate.pem());
    Write("vendor.key", PemOf(device.key.get()));
    TestCaConfig config;
    config.ca_chain = {operator_.certificate()};
    config.ca_key = std::shared_ptr<EVP_PKEY>(operator_.key(), [](EVP_PKEY*) {});
    config.ra_name = ra_name_;
    config.vendor_roots = {vendor_.certificate()};
    config.confirm_timeout = kConfirmWithin;
    ca_ = *TestCa::Create(std::move(config));
    server_ = *HttpServer::Listen("127.0.0.1", 0, [this](const std::string& body) { return ca_->Handle(body); });
  }

  /// Starts the device; its process.
  pid_t Start(const std::string& errand) {
    const std::string url = "http://127.0.0.1:" + std::to_string(server_->port()) + "/pkix/";
    std::vector<std::string> words = {"/proc/self/exe", "--device", folder_.path(), nss_.path(), url, ra_name_, errand};
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    const std::string log = folder_.File("device.log");
    posix_spawn_file_actions_addopen(&files, 2, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    pid_t pid = -1;
    EXPECT_EQ(posix_spawn(&pid, "/proc/self/exe", &files, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&files);
    return pid;
  }
  static int Wait(pid_t pid) {
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    return status;
  }
  /// To its end; how long that took.
  absl::Duration RunToTheEnd(const std::string& errand) {
    const absl::Time begun = absl::Now();
    EXPECT_EQ(Wait(Start(errand)), 0) << common::ReadFile(folder_.File("device.log")).value_or("");
    return absl::Now() - begun;
  }
  /// Where the enrolment stood when the power went.
  std::string Phase() const {
    const auto text = common::ReadFile(folder_.File("enrolment.json"));
    if (!text.ok()) return "no state";
    const auto json = nlohmann::json::parse(*text, nullptr, false);
    return json.is_object() ? json.value("phase", "?") : "unreadable";
  }
  /// Of the last run to the end: starting, and what the device says that it took until all was installed.
  absl::Duration BusyOf(absl::Duration whole) const {
    const auto held = nlohmann::json::parse(*common::ReadFile(folder_.File("held.json")));
    return std::min(whole, absl::Milliseconds(held["installed_after_ms"].get<int>()) + kStarting);
  }
  void ExpectOneOfEverything() {
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    while (ca_->ledger().CountLive() > 1 && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(20));
    const auto held = nlohmann::json::parse(common::ReadFile(folder_.File("held.json")).value_or(""), nullptr, false);
    ASSERT_TRUE(held.is_object());
    EXPECT_EQ(ca_->ledger().CountLive(), 1);
    const auto entry = ca_->ledger().Find(held["serial"]);
    ASSERT_TRUE(entry.has_value());
    EXPECT_EQ(entry->state, CertificateState::kConfirmed) << "the one live certificate is the one in use";
    EXPECT_THAT(held["keys"], SizeIs(2)) << "the vendor's and the operator's";
    EXPECT_THAT(held["without_certificate"], IsEmpty());
  }

 private:
  void Write(const std::string& name, const std::string& text) {
    if (!common::WriteFileAtomically(folder_.File(name), text, 0600).ok()) std::abort();
  }
  const std::string ra_name_ = "/O=Operator/CN=RA";
  TestAuthority vendor_ = TestAuthority::Root("/O=Vendor 1/CN=Vendor 1 Root");
  TestAuthority operator_ = TestAuthority::Root("/O=Operator/CN=Operator Root");
  TempDirectory folder_;
  NssDatabase nss_;
  std::unique_ptr<TestCa> ca_;
  std::unique_ptr<HttpServer> server_;
};

class EnrolKill : public ::testing::Test {
 protected:
  EnrolKill() : seed_(FromEnvironment("X2_SEED", static_cast<int>(std::random_device()() >> 1))), instants_(seed_) {
    std::cout << "X2_SEED=" << seed_ << "\n";
  }
  /// Starts, kills within `whole`, starts again and lets it come to rest. Four of five die before all is installed: the
  /// rest of the time a device only waits for what was old to go.
  void KillOnce(KillScene& scene, const std::string& errand, absl::Duration whole, absl::Duration busy) {
    const bool early = std::uniform_int_distribution<int>(0, 4)(instants_) != 0;
    const absl::Duration when = (early ? busy : whole) * std::uniform_real_distribution<double>(0, 1)(instants_);
    const pid_t pid = scene.Start(errand);
    absl::SleepFor(when);
    kill(pid, SIGKILL);
    const bool killed = WIFSIGNALED(KillScene::Wait(pid));
    ++seen_[killed ? scene.Phase() : "had ended"];
    scene.RunToTheEnd("settle");
    scene.ExpectOneOfEverything();
    if (HasFailure()) std::cout << "killed after " << when << "\n";
  }
  void Tell(absl::Duration whole, absl::Duration busy) const {
    std::cout << "a whole one takes " << whole << ", " << busy << " until installed; killed in:";
    for (const auto& [phase, times] : seen_) std::cout << " " << phase << " " << times << ",";
    std::cout << "\n";
  }

  const int kills_ = FromEnvironment("X2_KILLS", 5);
  const int seed_;
  std::mt19937 instants_;
  std::map<std::string, int> seen_;
};

TEST_F(EnrolKill, R34AnEnrolmentKilledAtAnyInstantEndsWithOneCertificateAndOneKey) {
  absl::Duration whole;
  absl::Duration busy;
  {
    KillScene scene;
    whole = scene.RunToTheEnd("enrol");
    busy = scene.BusyOf(whole);
    scene.ExpectOneOfEverything();
  }
  for (int i = 0; i < kills_ && !HasFailure(); ++i) {
    KillScene scene;
    KillOnce(scene, "enrol", whole, busy);
  }
  Tell(whole, busy);
}

TEST_F(EnrolKill, R32R34ARenewalKilledAtAnyInstantEndsWithOneCertificateAndOneKey) {
  KillScene scene;
  scene.RunToTheEnd("enrol");
  const absl::Duration whole = scene.RunToTheEnd("renew");
  const absl::Duration busy = scene.BusyOf(whole);
  scene.ExpectOneOfEverything();
  for (int i = 0; i < kills_ && !HasFailure(); ++i) KillOnce(scene, "renew", whole, busy);
  Tell(whole, busy);
}

}  // namespace
}  // namespace henb::tests

int main(int argc, char** argv) {
  using henb::tests::DeviceErrand;
  if (argc == 7 && std::string_view(argv[1]) == "--device") {
    const std::string_view errand = argv[6];
    DeviceErrand what = DeviceErrand::kSettle;
    if (errand == "enrol") what = DeviceErrand::kEnrol;
    if (errand == "renew") what = DeviceErrand::kRenew;
    return henb::tests::RunDevice({.folder = argv[2], .nssdb = argv[3], .ca_url = argv[4], .ra_name = argv[5]}, what);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
