// R40: what a repository may add to paths, and what not.
#include "henb-x2sec/app/credentials/cross_certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/file.h"
#include "common/log.h"
#include "device_files.h"
#include "loop_fixture.h"
#include "tests/support/fake_http_fetcher.h"

namespace henb::x2sec::app {
namespace {

using common::Certificate;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using tests::TestAuthority;

constexpr char kUrl[] = "http://10.100.0.10/cross.pem";
const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

const TestAuthority& Ours() {
  static const TestAuthority root = TestAuthority::Root("/O=V/CN=Our root");
  return root;
}
const TestAuthority& Theirs() {
  static const TestAuthority root = TestAuthority::Root("/O=W/CN=Their root");
  return root;
}
/// Our root's word about their root's key.
Certificate Cross(tests::CertificateSpec spec = {.subject = "/O=W/CN=Their root", .ca = true}) {
  return Ours().IssueFor(spec, Theirs().key());
}

std::vector<Certificate> Usable(const std::string& content, std::vector<std::string>* refused = nullptr) {
  std::vector<std::string> ignored;
  return UsableCrossCertificates(content, {Ours().certificate()}, kNow, refused == nullptr ? &ignored : refused)
      .value_or(std::vector<Certificate>());
}

TEST(CrossCertificates, OneThatOurRootSignedIsUsableR40) {
  EXPECT_THAT(Usable(Cross().pem()), SizeIs(1));
  EXPECT_THAT(Usable(Cross().der()), SizeIs(1));
  // A CA below the certified one comes along with it, in any order.
  const Certificate below = Theirs().Subordinate("/O=W/CN=Their devices").certificate();
  EXPECT_THAT(Usable(below.pem() + Cross().pem()), SizeIs(2));
  EXPECT_THAT(Usable(below.pem()), IsEmpty());
}

TEST(CrossCertificates, ARepositoryAddsNothingThatOurRootsHaveNotSignedR40) {
  std::vector<std::string> refused;
  const TestAuthority impostor = TestAuthority::Root("/O=V/CN=Our root");
  const Certificate forged = impostor.IssueFor({.subject = "/O=W/CN=Their root", .ca = true}, Theirs().key());
  for (const Certificate& bad :
       {Theirs().certificate(), forged, Ours().certificate(), Ours().IssueHenb("henb-b.example").certificate,
        Cross({.subject = "/O=W/CN=Their root", .ca = true, .not_after = kNow - absl::Hours(1)}),
        Cross({.subject = "/O=W/CN=Their root", .ca = true, .not_before = kNow + absl::Hours(1)})}) {
    refused.clear();
    EXPECT_THAT(Usable(bad.pem(), &refused), IsEmpty()) << bad.subject();
    EXPECT_THAT(refused, SizeIs(1)) << bad.subject();
  }
}

TEST(CrossCertificates, ALoopLeadsNowhereAndGarbageIsRefusedR40) {
  const TestAuthority third = TestAuthority::Root("/O=X/CN=Third");
  const Certificate there = Theirs().IssueFor({.subject = "/O=X/CN=Third", .ca = true}, third.key());
  const Certificate back = third.IssueFor({.subject = "/O=W/CN=Their root", .ca = true}, Theirs().key());
  EXPECT_THAT(Usable(there.pem() + back.pem()), IsEmpty());
  std::vector<std::string> refused;
  const auto code = [&](const std::string& content) {
    return UsableCrossCertificates(content, {Ours().certificate()}, kNow, &refused).status().code();
  };
  EXPECT_EQ(code("garbage"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(""), absl::StatusCode::kInvalidArgument);
  std::string many;
  for (int i = 0; i < 65; ++i) many += Cross().pem();
  EXPECT_EQ(code(many), absl::StatusCode::kInvalidArgument);
}

// Seen with two plutos: the one that leads in a circle is picked for the way to the anchor, and the peer is refused.
TEST(CrossCertificates, ADetourThatComesBackToTheSameKeyIsNotTakenR40) {
  const TestAuthority third = TestAuthority::Root("/O=X/CN=Third");
  const Certificate there = Theirs().IssueFor({.subject = "/O=X/CN=Third", .ca = true}, third.key());
  const Certificate back = third.IssueFor({.subject = "/O=W/CN=Their root", .ca = true}, Theirs().key());
  std::vector<std::string> refused;
  const auto usable = Usable(back.pem() + there.pem() + Cross().pem(), &refused);
  ASSERT_THAT(usable, SizeIs(2));
  for (const Certificate& each : usable) EXPECT_NE(each.der(), back.der());
  EXPECT_THAT(refused, SizeIs(1));
}

class CrossCertificatesTest : public tests::LoopFixture {
 protected:
  CrossCertificatesTest() : credentials_(Credentials::Load(device_.config, store_).value()) {
    common::SetLogSinkForTest([this](std::string_view line) { log_.emplace_back(line); });
    device_.config.cross_certificates = {kUrl};
  }
  ~CrossCertificatesTest() override { common::SetLogSinkForTest(nullptr); }
  tests::DeviceFiles device_;
  tests::FakeCertificateStore store_;
  Credentials credentials_;
  /// Our device's root's word about another's key.
  [[nodiscard]] Certificate Made(const TestAuthority& other, const std::string& subject) const {
    return device_.vendor_root.IssueFor({.subject = subject, .ca = true}, other.key());
  }
  std::unique_ptr<CrossCertificates> Started() {
    auto cross = std::make_unique<CrossCertificates>(
        CrossCertificates::Parts{device_.config, loop, clock, random, worker, fetcher_, store_, credentials_});
    cross->Start();
    Settle();
    return cross;
  }
  [[nodiscard]] std::size_t Withdrawn() const {
    return std::count_if(log_.begin(), log_.end(), [](const std::string& line) {
      return line.find("cross_certificates.withdrawn") != std::string::npos;
    });
  }
  /// Takes it out, so ask once.
  bool Held(const Certificate& certificate) { return store_.RemoveIntermediate(certificate).value(); }

  tests::FakeHttpFetcher fetcher_;
  std::vector<std::string> log_;
};

TEST_F(CrossCertificatesTest, AreFetchedAndFetchedAgainWhenTheServerWasAwayR40) {
  const auto cross = Started();
  EXPECT_THAT(log_, Contains(HasSubstr("cross_certificates.not_fetched")));
  const Certificate made = device_.vendor_root.IssueFor({.subject = "/O=W/CN=Their root", .ca = true}, Theirs().key());
  fetcher_.Put(kUrl, {.body = made.pem(), .etag = ""});
  cross->PathChanged();
  Settle();
  EXPECT_THAT(log_, Contains(AllOf(HasSubstr("cross_certificates.imported"), HasSubstr("count=1"))));
  const auto roots = store_.Roots();
  ASSERT_TRUE(roots.ok());
  for (const Certificate& root : *roots) EXPECT_NE(root.spki(), made.spki()) << "never trusted by itself";
}

TEST_F(CrossCertificatesTest, WhatTheRepositoryWithdrawsGoesAlsoAfterARestartR40) {
  const Certificate first = Made(Theirs(), "/O=W/CN=Their root");
  const TestAuthority third = TestAuthority::Root("/O=X/CN=Third");
  const Certificate second = Made(third, "/O=X/CN=Third");
  fetcher_.Put(kUrl, {.body = first.pem() + second.pem(), .etag = ""});
  Started();
  EXPECT_EQ(Withdrawn(), 0);
  fetcher_.Put(kUrl, {.body = second.pem(), .etag = ""});
  Started();
  EXPECT_EQ(Withdrawn(), 1);
  EXPECT_THAT(log_, Contains(AllOf(HasSubstr("cross_certificates.withdrawn"), HasSubstr("Their root"))));
  EXPECT_FALSE(Held(first));
  EXPECT_TRUE(Held(second));
}

TEST_F(CrossCertificatesTest, ARepositoryThatIsAwayOrTalksNonsenseWithdrawsNothingR40) {
  const Certificate made = Made(Theirs(), "/O=W/CN=Their root");
  fetcher_.Put(kUrl, {.body = made.pem(), .etag = ""});
  Started();
  fetcher_.Put(kUrl, {.body = "<html>maintenance</html>", .etag = ""});
  Started();
  fetcher_.Put(kUrl, {.body = "", .etag = "", .away = true});
  Started();
  EXPECT_EQ(Withdrawn(), 0);
  EXPECT_TRUE(Held(made));
}

TEST_F(CrossCertificatesTest, WhatAnotherRepositoryHasStaysAndWhatNoneIsAskedForGoesR40) {
  const Certificate made = Made(Theirs(), "/O=W/CN=Their root");
  const TestAuthority third = TestAuthority::Root("/O=X/CN=Third");
  const Certificate only_there = Made(third, "/O=X/CN=Third");
  const std::string other = "http://10.100.0.11/cross.pem";
  device_.config.cross_certificates = {kUrl, other};
  fetcher_.Put(kUrl, {.body = made.pem(), .etag = ""});
  fetcher_.Put(other, {.body = made.pem() + only_there.pem(), .etag = ""});
  {
    const auto cross = Started();
    Advance(absl::Seconds(3));
  }
  device_.config.cross_certificates = {kUrl};
  Started();
  EXPECT_EQ(Withdrawn(), 1);
  EXPECT_FALSE(Held(only_there));
  EXPECT_TRUE(Held(made));
}

TEST_F(CrossCertificatesTest, ABookThatCannotBeReadIsAnAlarmAndStopsNothingR40) {
  const Certificate made = Made(Theirs(), "/O=W/CN=Their root");
  fetcher_.Put(kUrl, {.body = made.pem(), .etag = ""});
  ASSERT_TRUE(common::WriteFileAtomically(device_.config.state_dir + "/cross_certificates.json", "{\"x\": 1}").ok());
  Started();
  EXPECT_THAT(log_, Contains(AllOf(HasSubstr("cross_certificates.book_unreadable"), HasSubstr("x"))));
  EXPECT_TRUE(Held(made));
}

}  // namespace
}  // namespace henb::x2sec::app
