// kill -9 at random instants of an enrolment and of a renewal (R34), straight at the RA/CA and through a NEM, of the
// device and of the NEM: afterwards the CA has one live certificate for the device, and the key store no key that
// nobody knows.
//
// X2_KILLS: how many of each (5, and 3 of those through a NEM; `./dev soak enrol-kill` takes 100).
// X2_SEED: the instants of an earlier run.
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
#include "common/strings.h"
#include "device.h"
#include "nem_process.h"
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

enum class Way { kDirect, kNem };

int FromEnvironment(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}

/// A device's files, the CA that it enrols at, and the NEM between them where that is the way.
class KillScene {
 public:
  explicit KillScene(Way way = Way::kDirect) {
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
    if (way == Way::kNem) {
      config.nems = {WriteNem()};
      config.devices = {"henb-a.example"};
    }
    ca_ = *TestCa::Create(std::move(config));
    server_ = *HttpServer::Listen("127.0.0.1", 0, [this](const std::string& body) { return ca_->Handle(body); });
    if (way == Way::kNem) StartNem();
  }
  ~KillScene() { KillNem(); }
  KillScene(const KillScene&) = delete;
  KillScene& operator=(const KillScene&) = delete;

  /// Of the NEM; it has its store when it starts again.
  void KillNem() {
    if (nem_ <= 0) return;
    kill(nem_, SIGKILL);
    Wait(nem_);
    nem_ = -1;
  }
  void StartNem() {
    const std::string port = nem_folder_.File("nem-port");
    const std::string before = common::ReadFile(port).value_or("");
    unlink((port + "-ready").c_str());
    nem_ = Spawn({"/proc/self/exe", "--nem", nem_folder_.path(), CaUrl(), ra_name_}, nem_folder_.File("nem.log"));
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    while (!common::ReadFile(port + "-ready").ok() && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(5));
    ASSERT_TRUE(common::ReadFile(port + "-ready").ok()) << common::ReadFile(nem_folder_.File("nem.log")).value_or("");
    EXPECT_TRUE(before.empty() || common::ReadFile(port).value_or("") == before) << "the NEM is where it was";
    nem_url_ = "https://localhost:" + common::ReadFile(port).value_or("");
  }

  /// Starts the device; its process.
  pid_t Start(const std::string& errand) {
    return Spawn({"/proc/self/exe", "--device", folder_.path(), nss_.path(), CaUrl(), ra_name_, errand, nem_url_},
                 folder_.File("device.log"));
  }
  static int Wait(pid_t pid) {
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    return status;
  }
  /// To its end; how long that took.
  absl::Duration RunToTheEnd(const std::string& errand) {
    const absl::Time begun = absl::Now();
    ExpectToEnd(Start(errand));
    return absl::Now() - begun;
  }
  void ExpectToEnd(pid_t device) {
    EXPECT_EQ(Wait(device), 0) << common::ReadFile(folder_.File("device.log")).value_or("");
  }
  /// Where the enrolment stood when the power went.
  std::string Phase() const {
    const auto text = common::ReadFile(folder_.File("enrolment.json"));
    if (!text.ok()) return "no state";
    // The last whole line counts.
    const std::vector<std::string_view> lines = common::Split(*text, '\n');
    const auto json =
        nlohmann::json::parse(lines.size() < 2 ? std::string_view(*text) : lines[lines.size() - 2], nullptr, false);
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
  static pid_t Spawn(std::vector<std::string> words, const std::string& log) {
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 2, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    pid_t pid = -1;
    EXPECT_EQ(posix_spawn(&pid, "/proc/self/exe", &files, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&files);
    return pid;
  }
  [[nodiscard]] std::string CaUrl() const { return "http://127.0.0.1:" + std::to_string(server_->port()) + "/pkix/"; }
  void Write(const std::string& name, const std::string& text) const { WriteTo(folder_.File(name), text); }
  static void WriteTo(const std::string& path, const std::string& text) {
    if (!common::WriteFileAtomically(path, text, 0600).ok()) std::abort();
  }
  /// What the NEM must be given; its certificate for CMP.
  common::Certificate WriteNem() const {
    const TestCredential server = operator_.Issue(
        {.subject = "/O=Operator/CN=nem", .dns_names = {"localhost"}, .extended_usages = {"serverAuth"}});
    const TestCredential cmp = operator_.Issue({.subject = "/O=Operator/CN=NEM 1"});
    WriteTo(nem_folder_.File("server.pem"), server.certificate.pem());
    WriteTo(nem_folder_.File("server.key"), PemOf(server.key.get()));
    WriteTo(nem_folder_.File("cmp.pem"), cmp.certificate.pem());
    WriteTo(nem_folder_.File("cmp.key"), PemOf(cmp.key.get()));
    WriteTo(nem_folder_.File("vendor-root.pem"), vendor_.certificate().pem());
    WriteTo(nem_folder_.File("operator-root.pem"), operator_.certificate().pem());
    WriteTo(nem_folder_.File("devices"), "henb-a.example\n");
    return cmp.certificate;
  }
  const std::string ra_name_ = "/O=Operator/CN=RA";
  TestAuthority vendor_ = TestAuthority::Root("/O=Vendor 1/CN=Vendor 1 Root");
  TestAuthority operator_ = TestAuthority::Root("/O=Operator/CN=Operator Root");
  TempDirectory folder_, nem_folder_;
  NssDatabase nss_;
  std::string nem_url_;
  pid_t nem_ = -1;
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
  /// The same with the NEM killed under the device, which is not.
  void KillNemOnce(KillScene& scene, const std::string& errand, absl::Duration busy) {
    const absl::Duration when = busy * std::uniform_real_distribution<double>(0, 1)(instants_);
    const pid_t pid = scene.Start(errand);
    absl::SleepFor(when);
    scene.KillNem();
    ++seen_[scene.Phase()];
    scene.StartNem();
    scene.ExpectToEnd(pid);
    scene.ExpectOneOfEverything();
    if (HasFailure()) std::cout << "NEM killed after " << when << "\n";
  }
  void Tell(absl::Duration whole, absl::Duration busy) const {
    std::cout << "a whole one takes " << whole << ", " << busy << " until installed; killed in:";
    for (const auto& [phase, times] : seen_) std::cout << " " << phase << " " << times << ",";
    std::cout << "\n";
  }

  /// A device asks its NEM every two seconds: fewer of those in a quick run.
  static int Slow(int kills) { return kills > 5 ? kills : (kills + 1) / 2; }
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

TEST_F(EnrolKill, R34R39ThroughTheNemAKilledDeviceOrNemEndsWithOneCertificateAndOneKey) {
  absl::Duration whole;
  absl::Duration busy;
  {
    KillScene scene(Way::kNem);
    whole = scene.RunToTheEnd("enrol");
    busy = scene.BusyOf(whole);
    scene.ExpectOneOfEverything();
  }
  for (int i = 0; i < Slow(kills_) && !HasFailure(); ++i) {
    KillScene scene(Way::kNem);
    if (i % 2 == 0) KillOnce(scene, "enrol", whole, busy);
    if (i % 2 == 1) KillNemOnce(scene, "enrol", busy);
  }
  Tell(whole, busy);
}

TEST_F(EnrolKill, R34R67ThroughTheNemAKilledRenewalEndsWithOneCertificateAndOneKey) {
  KillScene scene(Way::kNem);
  scene.RunToTheEnd("enrol");
  const absl::Duration whole = scene.RunToTheEnd("renew");
  const absl::Duration busy = scene.BusyOf(whole);
  scene.ExpectOneOfEverything();
  for (int i = 0; i < Slow(kills_) && !HasFailure(); ++i) {
    if (i % 2 == 0) KillOnce(scene, "renew", whole, busy);
    if (i % 2 == 1) KillNemOnce(scene, "renew", busy);
  }
  Tell(whole, busy);
}

}  // namespace
}  // namespace henb::tests

int main(int argc, char** argv) {
  using henb::tests::DeviceErrand;
  if (argc == 5 && std::string_view(argv[1]) == "--nem")
    return henb::tests::RunNem({.folder = argv[2], .ca_url = argv[3], .ra_name = argv[4]});
  if (argc == 8 && std::string_view(argv[1]) == "--device") {
    const std::string_view errand = argv[6];
    DeviceErrand what = DeviceErrand::kSettle;
    if (errand == "enrol") what = DeviceErrand::kEnrol;
    if (errand == "renew") what = DeviceErrand::kRenew;
    return henb::tests::RunDevice(
        {.folder = argv[2], .nssdb = argv[3], .ca_url = argv[4], .ra_name = argv[5], .nem_url = argv[7]}, what);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
