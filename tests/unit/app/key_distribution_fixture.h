#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "henb-x2sec/app/keys/key_distribution.h"
#include "loop_fixture.h"
#include "tests/support/fake_ike_daemon.h"
#include "tests/support/fake_key_service.h"
#include "tests/support/fake_secret_store.h"
#include "tests/support/temp_directory.h"

namespace henb::tests {

class KeyDistributionFixture : public LoopFixture {
 protected:
  KeyDistributionFixture() {
    config.id = a;
    config.secrets_file = folder.File("x2.secrets");
  }

  void Start(bool with_service = true) {
    keys = std::make_unique<x2sec::app::KeyDistribution>(x2sec::app::KeyDistribution::Parts{
        .config = config,
        .loop = loop,
        .clock = clock,
        .random = random,
        .worker = worker,
        .service = with_service ? &service : nullptr,
        .secrets = secrets,
        .ike = ike,
        .facts = [] { return x2sec::core::RegisterFacts{}; },
        .changed = [this](const common::HenbId& peer, bool replaced) { changes.emplace_back(peer.str(), replaced); },
        .learned = [this](const common::HenbId& peer,
                          const x2sec::core::PeerFacts&) { learned.push_back(peer.str()); }});
  }
  /// x2secd is started anew; the secrets file and what lies beside it stay.
  void Restart() {
    keys.reset();
    Settle();
    changes.clear();
    Start();
  }
  void Need(std::set<common::HenbId> peers, bool may_need = false) {
    keys->SetNeeded(std::move(peers), may_need);
    Settle();
  }
  void Tell(x2sec::core::KeyServiceEvent::Kind kind, const common::HenbId& peer = {}) {
    service.Tell({.kind = kind, .revision = ++revision, .epoch = 0, .peer = peer});
    Settle();
  }
  [[nodiscard]] bool HasKey(const common::HenbId& peer, const FakeKeyService::Offer& offer) const {
    const auto copy = secrets.Copy();
    const auto it = copy.find({a, peer});
    return it != copy.end() && common::ConstantTimeEquals(it->second, FakeKeyService::KeyOf(peer, offer));
  }
  [[nodiscard]] const x2sec::app::KeyState& StateOf(const common::HenbId& peer) const { return keys->StateOf(peer); }

  const common::HenbId a = Id("henb-a.example"), b = Id("henb-b.example"), c = Id("henb-c.example");
  TempDirectory folder;
  x2sec::app::Config config;
  FakeKeyService service;
  FakeSecretStore secrets;
  FakeIkeNetwork network;
  FakeIkeDaemon ike{network, &secrets};
  std::vector<std::pair<std::string, bool>> changes;
  std::vector<std::string> learned;
  std::uint64_t revision = 0;
  std::unique_ptr<x2sec::app::KeyDistribution> keys;
};

}  // namespace henb::tests
