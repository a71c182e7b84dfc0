// R41: the newest list is kept, survives a restart, and nothing older takes its place.
#include "henb-x2sec/revocation/list_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/file.h"
#include "tests/support/revocation_builder.h"
#include "tests/support/temp_directory.h"
#include "tests/support/test_pki.h"

namespace henb::x2sec::revocation {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ListCacheTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string Der(int number, std::vector<std::string> revoked) const {
    tests::ListSpec spec{.revoked = std::move(revoked), .number = number};
    spec.this_update += absl::Minutes(number);
    return tests::BuildList(spec, ca_.certificate(), ca_.key()).value();
  }
  [[nodiscard]] CertificateList List(int number, std::vector<std::string> revoked) const {
    return VerifyCertificateList(Der(number, std::move(revoked)), {ca_.certificate()}).value();
  }
  const tests::TestAuthority ca_ = tests::TestAuthority::Root("/O=Vendor/CN=Vendor Root");
  const tests::TempDirectory folder_;
  const std::string directory_ = folder_.File("revocation");
};

TEST_F(ListCacheTest, TellsWhoIsNewlyRevokedR41) {
  ListCache cache(directory_);
  EXPECT_EQ(cache.Find(ca_.certificate().spki()), nullptr);
  EXPECT_THAT(cache.Take(List(1, {"11"}))->newly_revoked, ElementsAre("11"));
  EXPECT_FALSE(cache.Take(List(1, {"11"}))->changed);
  EXPECT_THAT(cache.Take(List(2, {"11", "22"}))->newly_revoked, ElementsAre("22"));
  EXPECT_TRUE(absl::IsFailedPrecondition(cache.Take(List(1, {"11"})).status()));
  EXPECT_TRUE(cache.Find(ca_.certificate().spki())->Revokes("22"));
}

TEST_F(ListCacheTest, ARestartKnowsWhatWasKnownR41) {
  ASSERT_TRUE(ListCache::Save(directory_, ca_.certificate().spki(), Der(5, {"11"})).ok());
  ListCache cache(directory_);
  EXPECT_THAT(cache.Load({ca_.certificate()}, {}), IsEmpty());
  ASSERT_NE(cache.Find(ca_.certificate().spki()), nullptr);
  EXPECT_TRUE(cache.Find(ca_.certificate().spki())->Revokes("11"));
  EXPECT_TRUE(absl::IsFailedPrecondition(cache.Take(List(4, {})).status())) << "an older list replayed after a restart";
}

TEST_F(ListCacheTest, WhatWasTamperedWithOnDiskIsLeftAsideR41) {
  std::string der = Der(5, {"11"});
  der[der.size() / 2] ^= 1;
  ASSERT_TRUE(ListCache::Save(directory_, ca_.certificate().spki(), der).ok());
  ListCache cache(directory_);
  EXPECT_THAT(cache.Load({ca_.certificate()}, {}), SizeIs(1));
  EXPECT_EQ(cache.Find(ca_.certificate().spki()), nullptr);
}

}  // namespace
}  // namespace henb::x2sec::revocation
