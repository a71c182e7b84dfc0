#include "tests/unit/keydist/replica_world.h"

#include <gtest/gtest.h>

#include "common/strings.h"

namespace henb::keydist::test {

absl::Status Replica::Start(const app::Pause& pause) {
  auto started = app::Program::Start(config, clock, random, runner, pause);
  if (!started.ok()) return started.status();
  program_ = *std::move(started);
  port_ = program_->port();
  stopping_ = false;
  ticking_ = std::thread([this] {
    for (absl::Time next = absl::Now(); !stopping_; absl::SleepFor(absl::Milliseconds(10))) {
      if (absl::Now() < next) continue;
      program_->Tick();
      next = absl::Now() + absl::Milliseconds(500);
    }
  });
  return absl::OkStatus();
}

void Replica::Stop() {
  stopping_ = true;
  if (ticking_.joinable()) ticking_.join();
  program_.reset();
}

ReplicaWorld::ReplicaWorld(int replica_count, int members, absl::Duration silence) : etcd(members) {
  app::Config config = base.config;
  config.backend = app::StoreBackend::kEtcd;
  config.etcd.endpoints = etcd.addresses();
  config.etcd.ca = base.folder.Write("etcd-ca.pem", etcd.ca_pem());
  config.etcd.certificate = base.folder.Write("etcd-client.pem", etcd.client_pem());
  config.etcd.key = base.folder.Write("etcd-client.key", etcd.client_key_pem());
  config.etcd.deadline = absl::Seconds(1);
  config.etcd.silence = silence;
  for (int i = 0; i < replica_count; ++i) {
    config.audit_replica = common::StrCat("gw-", i);
    config.state_dir = common::StrCat(base.folder.path(), "/state-", i);
    config.run_dir = common::StrCat(base.folder.path(), "/run-", i);
    config.audit_path = config.state_dir + "/audit.jsonl";
    config.audit_heads_path = config.state_dir + "/audit-heads.jsonl";
    config.audit_heads_key = config.state_dir + "/audit-heads.key";
    replicas.push_back(std::make_unique<Replica>(config));
  }
}

void ReplicaWorld::StartAll() {
  for (auto& replica : replicas) {
    const absl::Status status = replica->Start();
    ASSERT_TRUE(status.ok()) << status;
  }
  const absl::Status added = AddHenbs(replicas[0]->config);
  ASSERT_TRUE(added.ok()) << added;
  for (auto& replica : replicas) {
    ASSERT_TRUE(Eventually([&] { return Ask(*replica, "d.example", "a.example").ok(); }));
  }
}

absl::Status ReplicaWorld::AddHenbs(const app::Config& at) {
  for (const auto& [id, ca] :
       {std::pair{"a.example", &base.vendor_one}, {"b.example", &base.vendor_one}, {"d.example", &base.vendor_two}}) {
    std::string error;
    if (TestServer::CtlAt(at, {"henb", "add", id, "--anchor", ca->spki().ToHex(), "--group", "site"}, nullptr,
                          &error) != 0) {
      return absl::UnknownError(error);
    }
  }
  return absl::OkStatus();
}

std::unique_ptr<x2sec::keydist_client::KeyServiceClient> ReplicaWorld::Client(const Replica& replica,
                                                                              std::string_view henb) {
  return base.ClientAt(replica.port(), identity(henb));
}

absl::StatusOr<x2sec::core::PairKeys> ReplicaWorld::Ask(const Replica& replica, std::string_view henb,
                                                        std::string_view peer) {
  auto answer = Client(replica, henb)->GetPairKeys({Id(peer)});
  if (!answer.ok()) return answer.status();
  if (auto* keys = std::get_if<x2sec::core::PairKeys>(&answer->at(0).result)) return std::move(*keys);
  return absl::NotFoundError("denied");
}

}  // namespace henb::keydist::test
