// keydistctl migrate while HeNBs ask and an operator changes things (R49): nothing lost, never two keys.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "asking.h"
#include "common/file.h"
#include "common/strings.h"
#include "henb/keydist/v1/admin.grpc.pb.h"

namespace henb::keydist::test {
namespace {

using ::testing::HasSubstr;

class Migrate : public ::testing::Test {
 protected:
  void SetUp() override {
    for (auto& replica : world.replicas) {
      replica->config.quota.calls_per_second = 10'000;
      replica->config.quota.burst = 100'000;
    }
    old.config.backend = app::StoreBackend::kSqlite;
    const absl::Status status = old.Start();
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_TRUE(world.AddHenbs(old.config).ok());
    ASSERT_EQ(old.Ctl({"pair", "deny", "a.example", "b.example"}), 0);
  }
  static nlohmann::json Said(const Replica& by, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "--json");
    std::string text;
    EXPECT_EQ(by.Ctl(std::move(arguments), &text), 0);
    return nlohmann::json::parse(text, nullptr, false);
  }

  ReplicaWorld world{3, 1, absl::Seconds(3)};
  Replica& old = *world.replicas[0];
  std::string error;
};

TEST_F(Migrate, R49UnderLoadNothingIsLostAndNoPairHasTwoKeys) {
  KeyRecorder recorder;
  std::vector<std::unique_ptr<Asking>> asking;
  asking.push_back(std::make_unique<Asking>(world, old, recorder));
  const auto before = world.Ask(old, "a.example", "d.example");
  ASSERT_TRUE(before.ok()) << before.status();

  // Enough to be copied that there is time for changes meanwhile.
  std::string lines;
  const std::string anchor = world.base.vendor_one.spki().ToHex();
  for (int i = 0; i < 20'000; ++i) {
    lines += common::StrCat("{\"id\":\"m", i, ".example\",\"anchor_spki_sha256\":[\"", anchor,
                            "\"],\"groups\":[\"many\"]}\n");
  }
  ASSERT_EQ(old.Ctl({"henb", "import", world.base.folder.Write("many.jsonl", lines)}, nullptr, &error), 0) << error;

  // An operator rotates b all the time, and counts what was done.
  std::atomic<bool> stop{false};
  std::atomic<int> rotated{0};
  std::thread operating([&] {
    const auto admin = v1::Admin::NewStub(
        grpc::CreateChannel("unix:" + old.config.run_dir + "/admin.sock", grpc::InsecureChannelCredentials()));
    v1::HenbName b;
    b.set_id("b.example");
    while (!stop) {
      grpc::ClientContext context;
      v1::Henb response;
      if (admin->RotateHenb(&context, b, &response).ok()) ++rotated;
    }
  });
  ASSERT_TRUE(Eventually([&] { return rotated >= 5; }));
  EXPECT_EQ(old.Ctl({"migrate"}, nullptr, &error), 0) << error;
  stop = true;
  operating.join();
  const auto last_revision = Said(old, {"status"})["revision"].get<std::uint64_t>();

  // The old one hands out nothing any more, not after a restart either, and says why.
  asking[0]->Restart();
  ASSERT_TRUE(Eventually([&] { return asking[0]->refusals()[grpc::StatusCode::UNAVAILABLE] > 2; }));
  EXPECT_EQ(asking[0]->keys(), 0);
  EXPECT_THAT(asking[0]->last_refusal(), HasSubstr("moved to etcd"));
  EXPECT_NE(old.Ctl({"rotate", "b.example"}, nullptr, &error), 0);
  EXPECT_THAT(error, HasSubstr("moved to etcd"));
  asking.clear();
  old.Stop();
  ASSERT_TRUE(old.Start().ok());
  EXPECT_EQ(world.Ask(old, "a.example", "d.example").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(old.Ctl({"migrate"}, nullptr, &error), 0) << "said again: " << error;
  EXPECT_THAT(*common::ReadFile(old.config.audit_path), HasSubstr("\"event\":\"moved\""));

  for (std::size_t i : {1U, 2U}) {
    const absl::Status started = world.replicas[i]->Start();
    ASSERT_TRUE(started.ok()) << started;
    asking.push_back(std::make_unique<Asking>(world, *world.replicas[i], recorder));
    ASSERT_TRUE(Eventually([&] { return asking.back()->keys() > 50; })) << asking.back()->last_refusal();
  }
  const Replica& now = *world.replicas[1];
  const auto after = world.Ask(now, "a.example", "d.example");
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(after->current.epoch, before->current.epoch);
  EXPECT_TRUE(common::ConstantTimeEquals(after->current.key, before->current.key)) << "links need no new key";
  EXPECT_EQ(Said(now, {"henb", "show", "b.example"})["generation"], 1 + rotated);
  EXPECT_EQ(world.Ask(now, "a.example", "b.example").status().code(), absl::StatusCode::kNotFound)
      << "denied as before";
  EXPECT_GT(Said(now, {"status"})["revision"].get<std::uint64_t>(), last_revision);
  asking.clear();
  EXPECT_THAT(recorder.conflicts(), ::testing::IsEmpty());
}

TEST_F(Migrate, AHeNBThatWatchedTheOldOneIsToldToAskAnew) {
  const auto last_revision = Said(old, {"status"})["revision"].get<std::uint64_t>();
  ASSERT_EQ(old.Ctl({"migrate"}, nullptr, &error), 0) << error;
  Replica& now = *world.replicas[1];
  ASSERT_TRUE(now.Start().ok());
  KeyRecorder recorder;
  const Asking stubs(world, now, recorder);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(10)));
  v1::WatchRequest request;
  request.set_after_revision(last_revision);
  const auto stream = stubs.stub("d.example").Watch(&context, request);
  v1::Event event;
  ASSERT_TRUE(stream->Read(&event));
  EXPECT_TRUE(event.has_resync_required());
  EXPECT_GT(event.revision(), last_revision);
  context.TryCancel();
}

TEST_F(Migrate, IsRefusedWhereAServiceIsAndWhereNothingIsSaid) {
  ASSERT_TRUE(world.replicas[1]->Start().ok());
  EXPECT_EQ(old.Ctl({"migrate"}, nullptr, &error), 1);
  EXPECT_THAT(error, HasSubstr("a service is there already"));
  EXPECT_TRUE(world.Ask(old, "a.example", "d.example").ok()) << "it goes on";
  EXPECT_EQ(world.replicas[1]->Ctl({"migrate"}, nullptr, &error), 1);
  EXPECT_THAT(error, HasSubstr("in etcd already"));
  old.Stop();
  old.config.etcd.endpoints.clear();
  ASSERT_TRUE(old.Start().ok());
  EXPECT_EQ(old.Ctl({"migrate"}, nullptr, &error), 1);
  EXPECT_THAT(error, HasSubstr("where to"));
}

}  // namespace
}  // namespace henb::keydist::test
