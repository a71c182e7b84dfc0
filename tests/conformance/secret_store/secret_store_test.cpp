// What every SecretStore does: the fake, and the file on tmpfs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <memory>

#include "henb-x2sec/pluto/secret_file.h"
#include "tests/support/fake_secret_store.h"

namespace henb {
namespace {

using common::HenbId;
using common::SecretBytes;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using x2sec::core::SecretPair;

/// A store and what it lies in.
struct Place {
  std::unique_ptr<x2sec::core::SecretStore> store;
  std::function<void()> clean = [] {};
  ~Place() { clean(); }
};

std::unique_ptr<Place> Fake() {
  auto place = std::make_unique<Place>();
  place->store = std::make_unique<tests::FakeSecretStore>();
  return place;
}

std::unique_ptr<Place> File() {
  auto place = std::make_unique<Place>();
  char folder[] = "/dev/shm/x2secrets-XXXXXX";
  if (mkdtemp(folder) == nullptr) return place;
  const std::string path = std::string(folder) + "/x2.secrets";
  auto file = x2sec::pluto::SecretFile::Open({.path = path});
  EXPECT_TRUE(file.ok()) << file.status();
  if (file.ok()) place->store = *std::move(file);
  place->clean = [path, folder = std::string(folder)] {
    unlink(path.c_str());
    rmdir(folder.c_str());
  };
  return place;
}

struct Kind {
  const char* name;
  std::unique_ptr<Place> (*make)();
};

class SecretStoreTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    place_ = GetParam().make();
    ASSERT_NE(place_->store, nullptr);
  }
  x2sec::core::SecretStore& store() { return *place_->store; }
  static SecretBytes Key() { return SecretBytes::CopyOf(std::string(32, 'k')); }

  const HenbId a_ = *HenbId::Parse("henb-a.example");
  const HenbId b_ = *HenbId::Parse("henb-b.example");
  const HenbId c_ = *HenbId::Parse("henb-c.example");
  std::unique_ptr<Place> place_;
};

TEST_P(SecretStoreTest, IsEmptyAtFirst) {
  EXPECT_FALSE(store().Has(a_, b_));
  EXPECT_THAT(store().Pairs(), IsEmpty());
}

TEST_P(SecretStoreTest, HasTheExactPairThatWasPut) {  // R15
  ASSERT_TRUE(store().Put(a_, b_, Key()).ok());
  EXPECT_TRUE(store().Has(a_, b_));
  EXPECT_FALSE(store().Has(b_, a_));
  EXPECT_FALSE(store().Has(a_, c_));
  EXPECT_THAT(store().Pairs(), ElementsAre(SecretPair{a_, b_}));
}

TEST_P(SecretStoreTest, PairsOfOnePeerAreApartR15) {
  ASSERT_TRUE(store().Put(a_, b_, Key()).ok());
  ASSERT_TRUE(store().Put(c_, b_, Key()).ok());
  EXPECT_THAT(store().Pairs(), UnorderedElementsAre(SecretPair{a_, b_}, SecretPair{c_, b_}));
  ASSERT_TRUE(store().Remove(c_, b_).ok());
  EXPECT_THAT(store().Pairs(), ElementsAre(SecretPair{a_, b_}));
}

TEST_P(SecretStoreTest, KeepsOneSecretForAPair) {
  ASSERT_TRUE(store().Put(a_, b_, Key()).ok());
  ASSERT_TRUE(store().Put(a_, b_, SecretBytes::CopyOf(std::string(32, 'n'))).ok());
  EXPECT_THAT(store().Pairs(), ElementsAre(SecretPair{a_, b_}));
}

TEST_P(SecretStoreTest, RemovesOnePairOnly) {
  ASSERT_TRUE(store().Put(a_, b_, Key()).ok());
  ASSERT_TRUE(store().Put(a_, c_, Key()).ok());
  EXPECT_THAT(store().Pairs(), UnorderedElementsAre(SecretPair{a_, b_}, SecretPair{a_, c_}));
  ASSERT_TRUE(store().Remove(a_, b_).ok());
  EXPECT_FALSE(store().Has(a_, b_));
  EXPECT_TRUE(store().Has(a_, c_));
}

TEST_P(SecretStoreTest, RemovingWhatIsNotThereIsDone) {
  EXPECT_TRUE(store().Remove(a_, b_).ok());
  EXPECT_FALSE(store().Has(a_, b_));
}

TEST_P(SecretStoreTest, RefusesWhatIsNoSecret) {
  EXPECT_TRUE(absl::IsInvalidArgument(store().Put(a_, b_, SecretBytes())));
  EXPECT_TRUE(absl::IsInvalidArgument(store().Put(a_, b_, SecretBytes(15))));
  EXPECT_TRUE(absl::IsInvalidArgument(store().Put(a_, b_, SecretBytes(65))));
  EXPECT_TRUE(absl::IsInvalidArgument(store().Put(a_, a_, Key())));
  EXPECT_TRUE(absl::IsInvalidArgument(store().Put(HenbId(), b_, Key())));
  EXPECT_THAT(store().Pairs(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Stores, SecretStoreTest, testing::Values(Kind{"Fake", Fake}, Kind{"File", File}),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace henb
