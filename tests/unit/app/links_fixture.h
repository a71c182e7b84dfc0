// One HeNB's links over fakes of pluto, kernel and guard, and a neighbour's pluto at the other end.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "device_files.h"
#include "henb-x2sec/app/links/links.h"
#include "loop_fixture.h"
#include "tests/support/fake_guard.h"
#include "tests/support/fake_ike_daemon.h"
#include "tests/support/fake_kernel_ipsec.h"
#include "tests/support/fake_secret_store.h"

namespace henb::tests {

/// henb-a (127.0.0.1) and its neighbour henb-b (127.0.0.2 and, where asked for, 127.0.0.3), certificates of one vendor.
/// `Start` is x2secd's start, also after an earlier one: files, pluto and kernel are as they were left.
class LinksFixture : public ::testing::Test {
 protected:
  LinksFixture();
  void TearDown() override { Die(); }

  void Start();
  /// kill -9 of x2secd: its loop and threads end with whatever waits in them.
  void Die();
  void Settle() { SettleOn(*loop, *worker); }
  void Advance(absl::Duration by) {
    clock.Advance(by);
    Settle();
  }
  /// OAM's record of b; without it the link is removed at the next evaluation.
  void Introduce(std::vector<std::string> addresses = {"127.0.0.2"});
  /// b's key is of this kind from now on.
  void SetPeerKey(bool rsa);
  /// b's pluto gets the connections that answer ours.
  void SetUpPeer();
  /// Second by second, until the link is in this state; false after a minute.
  [[nodiscard]] bool Becomes(std::string_view state);
  [[nodiscard]] const x2sec::app::LinkRuntime& link() const { return *links->Find(b); }
  [[nodiscard]] std::string state() const { return std::string(x2sec::core::StateName(link().link.state)); }
  [[nodiscard]] std::vector<std::uint32_t> Pins() const;
  /// Every SA of b's gets octets, so that whoever looks sees them carry.
  void Traffic();
  /// The device's calendar, at x2secd's next look.
  void SetCalendar(absl::Time now);

  const common::HenbId a = *common::HenbId::Parse("henb-a.example"), b = *common::HenbId::Parse("henb-b.example");
  common::FakeClock clock;
  common::FakeRandom random;
  DeviceFiles device;
  FakeCertificateStore store;
  FakeSecretStore secrets;
  FakeIkeNetwork network;
  FakeIkeDaemon ike{network, &secrets}, peer{network, nullptr};
  FakeKernelIpsec kernel;
  FakeGuard guard;
  policy::Policy policy;

  std::unique_ptr<common::EventLoop> loop;
  std::unique_ptr<common::Worker> worker;
  std::optional<x2sec::app::NeighbourStore> neighbours;
  std::optional<x2sec::app::ReqidStore> reqids;
  std::optional<x2sec::app::Credentials> credentials;
  std::optional<x2sec::app::HealthMonitor> health;
  x2sec::app::Prober prober;
  std::unique_ptr<x2sec::app::SystemMirror> mirror;
  std::unique_ptr<x2sec::app::KeyChanges> key_changes;
  std::unique_ptr<x2sec::app::Enrolment> enrolment;
  std::unique_ptr<x2sec::app::KeyDistribution> keys;
  std::unique_ptr<x2sec::app::Links> links;

 private:
  void MakeParts();
};

}  // namespace henb::tests
