#include "henb-x2sec/ocspd/verdict_source.h"

#include <gtest/gtest.h>

#include "common/file.h"
#include "tests/support/temp_directory.h"
#include "tests/support/test_pki.h"

namespace henb::x2sec::ocspd {
namespace {

using revocation::Verdict;

TEST(VerdictSource, FollowsTheFileR41) {
  const tests::TempDirectory folder;
  const std::string path = folder.File("verdicts.json");
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  const auto id = revocation::IssuerId::Of(tests::TestAuthority::Root("/CN=R").certificate());
  const revocation::Subject subject{
      .sha256 = false, .name_hash = id.name_sha1, .key_hash = id.key_sha1, .serial = "a1"};
  revocation::Verdicts verdicts{.made = now, .issuers = {{.issuer = id, .good_until = now + absl::Hours(1)}}};
  VerdictSource source(path);
  EXPECT_EQ(source.Judge(subject, now), Verdict::kGood) << "x2secd never ran: none of its connections is in pluto";
  ASSERT_TRUE(common::WriteFileAtomically(path, revocation::Serialise(verdicts)).ok());
  EXPECT_EQ(source.Judge(subject, now), Verdict::kGood);
  verdicts.issuers[0].revoked = {"a1"};
  ASSERT_TRUE(common::WriteFileAtomically(path, revocation::Serialise(verdicts)).ok());
  EXPECT_EQ(source.Judge(subject, now), Verdict::kRevoked);
  ASSERT_TRUE(common::WriteFileAtomically(path, "damaged").ok());
  EXPECT_EQ(source.Judge(subject, now), Verdict::kUnknown) << "nobody passes on a word that cannot be read";
  EXPECT_EQ(source.Judge(subject, now), Verdict::kUnknown);
  ASSERT_TRUE(common::WriteFileAtomically(path, revocation::Serialise(verdicts)).ok());
  EXPECT_EQ(source.Judge(subject, now), Verdict::kRevoked);
}

}  // namespace
}  // namespace henb::x2sec::ocspd
