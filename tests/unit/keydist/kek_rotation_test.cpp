// The change of the key-encryption key while keys are handed out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/status.h"
#include "keydist-server/domain/software_kek.h"
#include "tests/unit/keydist/service_fixture.h"

namespace henb::keydist::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::shared_ptr<domain::Kek> KekOf(char octet) {
  return *domain::SoftwareKek::Make(common::SecretBytes::CopyOf(std::string(32, octet)), std::string("kek ") + octet);
}
domain::RootSealer Keks(std::vector<std::shared_ptr<domain::Kek>> keks) {
  return *domain::RootSealer::Of(std::move(keks));
}

class KekRotation : public ServiceFixture {
 protected:
  KekRotation() : old_(KekOf('\0')), new_(KekOf('n')) {}
  void SetUp() override {
    ServiceFixture::SetUp();
    Add("a.example", {"site"});
    Add("b.example", {"site"});
    ASSERT_EQ(store.KekInForce()->value().id, old_->id()) << "the first start has chosen it";
    audit.records.clear();
  }
  std::vector<std::string> SealedBy() {
    std::vector<std::string> ids;
    const std::vector<store::StoredEpoch> epochs = *store.Epochs();
    for (const store::StoredEpoch& epoch : epochs) ids.emplace_back(domain::KekIdOf(epoch.sealed));
    return ids;
  }
  std::vector<std::string> Events() const {
    std::vector<std::string> events;
    for (const auto& record : audit.records) events.emplace_back(record.event);
    return events;
  }
  /// A service started anew on the same store.
  absl::Status Restart(domain::RootSealer keks) {
    service::KeyService again(store, audit, clock, random, std::move(keks), {});
    return again.Start();
  }
  common::SecretBytes CurrentKey() {
    common::SecretBytes key(domain::kPairKeySize);
    service.epochs()
        .active()
        ->At(clock.Now())
        .current->keys->Derive({"a.example", 1}, {"b.example", 1}, domain::Purpose::kIkePsk,
                               std::span<std::uint8_t, domain::kPairKeySize>(key.data(), key.size()));
    return key;
  }
  std::shared_ptr<domain::Kek> old_;
  std::shared_ptr<domain::Kek> new_;
};

TEST_F(KekRotation, EveryRootIsSealedAnewAndNoPairKeyChanges) {
  ASSERT_TRUE(desk.AdvanceEpoch(absl::Minutes(5)).ok());
  const common::SecretBytes before = CurrentKey();
  audit.records.clear();
  ASSERT_TRUE(service.UseKeks(Keks({new_, old_})).ok());
  EXPECT_THAT(SealedBy(), ElementsAre(old_->id(), old_->id())) << "to have it is not to use it";
  const auto rotated = desk.RotateKek();
  ASSERT_TRUE(rotated.ok()) << rotated.status();
  EXPECT_EQ(rotated->roots, 2U);
  EXPECT_THAT(SealedBy(), ElementsAre(new_->id(), new_->id()));
  EXPECT_EQ(store.KekInForce()->value().id, new_->id());
  EXPECT_THAT(Events(), ElementsAre("kek_rotation_begun", "kek_rotated"));
  EXPECT_THAT(audit.records[1].detail, HasSubstr(common::StrCat("from ", common::ToHex(old_->id()), " to ",
                                                                common::ToHex(new_->id()), ", 2 roots")));
  EXPECT_TRUE(common::ConstantTimeEquals(CurrentKey(), before));
  // Whoever starts now opens the same roots with the new KEK alone.
  service::KeyService again(store, audit, clock, random, Keks({new_}), {});
  ASSERT_TRUE(again.Start().ok());
  EXPECT_EQ(again.epochs().active()->At(clock.Now()).current->span.number, 1U);
}

TEST_F(KekRotation, TheOldKekIsRefusedAfterwards) {
  ASSERT_TRUE(service.UseKeks(Keks({new_, old_})).ok());
  const std::vector<store::StoredEpoch> before = *store.Epochs();
  ASSERT_TRUE(desk.RotateKek().ok());
  const absl::Status status = Restart(Keks({old_}));
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(common::ToHex(new_->id())));
  EXPECT_THAT(std::string(status.message()), HasSubstr(common::ToHex(old_->id())));
  // Nor is a root that is sealed under it taken, though it is at hand: neither a new one nor one put back.
  store::StoredEpoch planted = {.number = 2, .activates = clock.Now(), .sealed = before[0].sealed};
  EXPECT_TRUE(absl::IsAborted(store.CreateEpoch(planted).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(service.UseKeks(Keks({old_}))));
  EXPECT_TRUE(Restart(Keks({new_, old_})).ok());
}

TEST_F(KekRotation, EpochsMadeBeforeAndAfterAreSealedUnderTheOneInForce) {
  ASSERT_TRUE(service.UseKeks(Keks({new_, old_})).ok());
  ASSERT_TRUE(desk.AdvanceEpoch(absl::ZeroDuration()).ok());
  EXPECT_THAT(SealedBy(), ElementsAre(old_->id(), old_->id())) << "other replicas may have the old one alone";
  ASSERT_TRUE(desk.RotateKek().ok());
  ASSERT_TRUE(desk.AdvanceEpoch(absl::ZeroDuration()).ok());
  EXPECT_THAT(SealedBy(), ElementsAre(new_->id(), new_->id(), new_->id()));
}

TEST_F(KekRotation, MayBeRepeatedAndSaysWhenThereIsNothingToChangeTo) {
  const absl::Status nothing = desk.RotateKek().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(nothing)) << "the configuration was not reloaded: " << nothing;
  EXPECT_TRUE(audit.records.empty());
  ASSERT_TRUE(service.UseKeks(Keks({new_, old_})).ok());
  ASSERT_TRUE(desk.RotateKek().ok());
  const absl::Time since = store.KekInForce()->value().since;
  clock.Advance(absl::Hours(1));
  ASSERT_TRUE(desk.RotateKek().ok()) << "the same command again, when the first was broken off";
  EXPECT_EQ(store.KekInForce()->value().since, since);
  EXPECT_EQ(Events().size(), 4U);
}

TEST_F(KekRotation, WhatCannotBeAuditedIsNotDone) {
  ASSERT_TRUE(service.UseKeks(Keks({new_, old_})).ok());
  audit.failing = true;
  const absl::Status status = desk.RotateKek().status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("nothing is changed"));
  EXPECT_THAT(SealedBy(), ElementsAre(old_->id()));
}

TEST_F(KekRotation, AStoreFromBeforeHasTheKekOfItsRoots) {
  // As a release that knew of one KEK left it: roots, and nobody says which KEK is in force.
  store::MemoryStore older;
  store::StoredEpoch epoch = store.Epochs()->at(0);
  ASSERT_TRUE(older.CreateEpoch(epoch).ok());
  service::KeyService again(older, audit, clock, random, Keks({new_, old_}), {});
  ASSERT_TRUE(again.Start().ok());
  EXPECT_EQ(older.KekInForce()->value().id, old_->id());
  store::MemoryStore other;
  ASSERT_TRUE(other.CreateEpoch(epoch).ok());
  service::KeyService wrong(other, audit, clock, random, Keks({new_}), {});
  EXPECT_TRUE(absl::IsFailedPrecondition(wrong.Start()));
  EXPECT_FALSE(other.KekInForce()->has_value()) << "nothing is chosen by mistake";
}

}  // namespace
}  // namespace henb::keydist::test
