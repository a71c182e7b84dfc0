// R41, R58: from a list on a server to who is asked to prove himself, and what x2sec-ocspd is left with.
#include "henb-x2sec/app/revocation/revocation_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/log.h"
#include "common/strings.h"
#include "device_files.h"
#include "henb-x2sec/revocation/judge.h"
#include "loop_fixture.h"
#include "tests/support/fake_http_fetcher.h"
#include "tests/support/fake_ike_daemon.h"
#include "tests/support/revocation_builder.h"

namespace henb::x2sec::app {
namespace {

using revocation::Verdict;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kRootList[] = "http://10.100.0.10/root.crl";
constexpr char kDevicesList[] = "http://10.100.0.10/devices.crl";
const core::OcspSettings kAsks{
    .enabled = true, .strict = true, .uri = "http://127.0.0.1:8888/", .trusted_name = "x", .answers_kept_s = 1};

class RevocationWatchTest : public tests::LoopFixture {
 protected:
  RevocationWatchTest() : credentials_(Credentials::Load(device_.config, store_).value()) {
    device_.config.revocation.vendor_lists = {kRootList, kDevicesList};
    policy_.rules.resize(1);
    common::SetLogSinkForTest([this](std::string_view line) { log_.emplace_back(line); });
    ike_.set_ocsp(kAsks);
  }
  ~RevocationWatchTest() override { common::SetLogSinkForTest(nullptr); }

  void Publish(const std::string& url, const tests::TestAuthority& authority, int number,
               std::vector<std::string> revoked, absl::Duration holds = absl::Hours(2)) {
    tests::ListSpec spec{.revoked = std::move(revoked), .number = number};
    spec.this_update = clock.Now();
    spec.next_update = clock.Now() + holds;
    fetcher_.Put(url, {.body = tests::BuildList(spec, authority.certificate(), authority.key()).value(),
                       .etag = std::to_string(number)});
  }
  void PublishBoth(int number, std::vector<std::string> revoked, absl::Duration holds = absl::Hours(2)) {
    Publish(kRootList, device_.vendor_root, number, {}, holds);
    Publish(kDevicesList, device_.vendor_ca, number, std::move(revoked), holds);
  }
  RevocationWatch& Started() {
    watch_.reset();
    watch_ = std::make_unique<RevocationWatch>(
        RevocationWatch::Parts{device_.config, loop, clock, random, worker, worker, fetcher_, &ike_, credentials_,
                               [this] { return &policy_; }, [this] { return clock_sane_; },
                               [this](absl::Time floor) { floor_ = std::max(floor_, floor); }, [this] { ++changed_; },
                               [this](std::uint64_t newest, const auto& revoked) {
                                 proofs_.push_back(newest);
                                 answer_about_b_ = revoked(Id("henb-b.example"));
                               }});
    EXPECT_TRUE(watch_->Start().ok());
    watch_->LearnPluto(ike_.Ocsp());
    Settle();
    return *watch_;
  }
  /// What x2sec-ocspd would say of a neighbour's certificate.
  [[nodiscard]] Verdict Word(const std::string& serial) const {
    const auto text = common::ReadFile(device_.config.state_dir + "/verdicts.json");
    if (!text.ok()) return Verdict::kUnknown;
    const auto id = revocation::IssuerId::Of(device_.vendor_ca.certificate());
    return revocation::VerdictFor(
        revocation::ParseVerdicts(*text).value(),
        {.sha256 = false, .name_hash = id.name_sha1, .key_hash = id.key_sha1, .serial = serial}, clock.Now());
  }
  [[nodiscard]] absl::Duration Stale() const { return *watch_->News().front().stale_for; }

  tests::DeviceFiles device_;
  tests::FakeCertificateStore store_;
  Credentials credentials_;
  tests::FakeHttpFetcher fetcher_;
  tests::FakeIkeNetwork network_;
  tests::FakeIkeDaemon ike_{network_, nullptr};
  policy::Policy policy_;
  bool clock_sane_ = true;
  absl::Time floor_ = absl::InfinitePast();
  int changed_ = 0;
  std::vector<std::uint64_t> proofs_;
  revocation::SerialBook::Answer answer_about_b_ = revocation::SerialBook::Answer::kNo;
  std::vector<std::string> log_;
  std::unique_ptr<RevocationWatch> watch_;
};

TEST_F(RevocationWatchTest, WithoutListsNothingIsCheckedR41) {
  device_.config.revocation.vendor_lists.clear();
  RevocationWatch& watch = Started();
  ASSERT_EQ(watch.News().size(), 2U) << "the vendor's root and the operator's";
  EXPECT_EQ(watch.News()[0].stale_for, std::nullopt);
  EXPECT_EQ(watch.News()[1].stale_for, std::nullopt);
  EXPECT_FALSE(watch.View().configured);
  EXPECT_THAT(fetcher_.requests(), IsEmpty());
}

TEST_F(RevocationWatchTest, FetchesAndLeavesItsWordR41) {
  PublishBoth(1, {"b1"});
  RevocationWatch& watch = Started();
  EXPECT_EQ(Stale(), absl::ZeroDuration());
  EXPECT_EQ(watch.News()[1].stale_for, std::nullopt) << "the operator's side has no list";
  EXPECT_EQ(Word("b1"), Verdict::kRevoked);
  EXPECT_EQ(Word("c1"), Verdict::kGood);
  EXPECT_EQ(floor_, clock.Now() - revocation::kClockSkew);
  EXPECT_GT(changed_, 0);
}

TEST_F(RevocationWatchTest, EveryAuthorityOfThePathNeedsItsListR41) {
  Publish(kRootList, device_.vendor_root, 1, {});
  Started();
  EXPECT_EQ(Stale(), absl::InfiniteDuration()) << "the list of the CA that issues to devices is missing";
  Publish(kDevicesList, device_.vendor_ca, 1, {});
  Advance(absl::Seconds(3));
  EXPECT_EQ(Stale(), absl::ZeroDuration());
}

TEST_F(RevocationWatchTest, SomebodyNewlyRevokedMakesLinksProveThemselvesOnceR58) {
  PublishBoth(1, {});
  Started();
  EXPECT_THAT(proofs_, IsEmpty()) << "nobody is revoked";
  Publish(kDevicesList, device_.vendor_ca, 2, {"b1"});
  Advance(absl::Hours(1) * 1.2);
  ASSERT_EQ(proofs_.size(), 1U);
  EXPECT_EQ(Word("b1"), Verdict::kRevoked);
  EXPECT_EQ(ike_.calls("ForgetOcspAnswers"), 1) << "pluto must not use an answer of before";
  Publish(kDevicesList, device_.vendor_ca, 3, {"b1"});
  Advance(absl::Hours(1) * 1.2);
  EXPECT_EQ(proofs_.size(), 1U) << "newer, but nobody new";
}

TEST_F(RevocationWatchTest, WhoWasAskedAboutIsKnownR58) {
  using Answer = revocation::SerialBook::Answer;
  PublishBoth(1, {});
  RevocationWatch& watch = Started();
  const auto say_asked = [this](const std::string& serial) {
    fetcher_.Put("http://127.0.0.1:8888/asked",
                 {.body = common::StrCat(R"({"asked":[{"serial":")", serial, R"(","verdict":"GOOD","at_ms":)",
                                         absl::ToUnixMillis(clock.Now()), "}]}"),
                  .etag = ""});
  };
  say_asked("e1");
  watch.Authenticated(Id("henb-b.example"));
  Advance(absl::Seconds(2));
  Publish(kDevicesList, device_.vendor_ca, 2, {"b1"});
  Advance(absl::Hours(1) * 1.2);
  EXPECT_EQ(answer_about_b_, Answer::kNo) << "another serial was asked about";
  Publish(kDevicesList, device_.vendor_ca, 3, {"b1", "e1"});
  Advance(absl::Hours(1) * 1.2);
  EXPECT_EQ(answer_about_b_, Answer::kOnly);
  // Without a word from x2sec-ocspd anybody may be revoked.
  fetcher_.Put("http://127.0.0.1:8888/asked", {.body = "", .etag = "", .away = true});
  watch.Authenticated(Id("henb-b.example"));
  Advance(absl::Seconds(2));
  Publish(kDevicesList, device_.vendor_ca, 4, {"b1", "e1", "f1"});
  Advance(absl::Hours(1) * 1.2);
  EXPECT_EQ(answer_about_b_, Answer::kMayBe);
}

TEST_F(RevocationWatchTest, PlutoThatIsNotToldMakesLinksProveThemselvesAllTheSameR58) {
  PublishBoth(1, {});
  Started();
  ike_.Kill();
  Publish(kDevicesList, device_.vendor_ca, 2, {"b1"});
  Advance(absl::Hours(1) * 1.2);
  EXPECT_EQ(proofs_.size(), 1U);
}

TEST_F(RevocationWatchTest, TheGraceCountsDownLoudlyAndThenTheWordIsGoodForNobodyR41) {
  policy_.revocation_default = {policy::RevocationMode::kGrace, absl::Minutes(30)};
  PublishBoth(1, {"b1"}, absl::Minutes(10));
  RevocationWatch& watch = Started();
  fetcher_.Put(kRootList, {.body = "", .etag = "", .away = true});
  fetcher_.Put(kDevicesList, {.body = "", .etag = "", .away = true});
  Advance(absl::Minutes(11));
  watch.Tick();
  Settle();
  EXPECT_EQ(Stale(), absl::Minutes(1));
  EXPECT_THAT(log_, Contains(AllOf(HasSubstr("revocation.news_stale"), HasSubstr("left_s=1740"))));
  EXPECT_EQ(Word("c1"), Verdict::kGood) << "in the grace";
  const auto loud = std::count_if(log_.begin(), log_.end(), [](const std::string& line) {
    return line.find("revocation.news_stale") != std::string::npos;
  });
  // x2secd is dead when the grace ends: nobody passes on its old word.
  clock.Advance(absl::Minutes(30));
  EXPECT_EQ(Word("c1"), Verdict::kUnknown);
  // It lives: links are shut by its decision, and the backhaul may come up.
  watch.Tick();
  Settle();
  EXPECT_EQ(Word("c1"), Verdict::kGood);
  EXPECT_EQ(Word("b1"), Verdict::kRevoked);
  EXPECT_GT(
      std::count_if(log_.begin(), log_.end(),
                    [](const std::string& line) { return line.find("revocation.news_stale") != std::string::npos; }),
      loud);
  PublishBoth(2, {"b1"});
  watch.PathChanged();
  Settle();
  EXPECT_EQ(Stale(), absl::ZeroDuration());
  EXPECT_THAT(log_, Contains(HasSubstr("revocation.news_fresh")));
}

TEST_F(RevocationWatchTest, AnOlderListThatIsReplayedChangesNothingR41) {
  PublishBoth(1, {});
  const auto old = fetcher_.Get({.url = kDevicesList});
  clock.Advance(absl::Minutes(1));
  PublishBoth(2, {"b1"});
  RevocationWatch& watch = Started();
  fetcher_.Put(kDevicesList, {.body = old->body, .etag = "1"});
  Advance(absl::Hours(1) * 1.2);
  EXPECT_EQ(Word("b1"), Verdict::kRevoked);
  EXPECT_THAT(watch.View().problems, ElementsAre(HasSubstr("lower than")));
  // Nor after a restart.
  Started();
  EXPECT_EQ(Word("b1"), Verdict::kRevoked);
}

TEST_F(RevocationWatchTest, ARestartKnowsTheListsAndAsksOnlyForNewerOnesR41) {
  PublishBoth(1, {"b1"});
  Started();
  fetcher_.Put(kRootList, {.body = "", .etag = "", .away = true});
  fetcher_.Put(kDevicesList, {.body = "", .etag = "", .away = true});
  proofs_.clear();
  Started();
  EXPECT_EQ(Stale(), absl::ZeroDuration());
  EXPECT_THAT(proofs_, IsEmpty());
  PublishBoth(1, {"b1"});
  watch_->PathChanged();
  Settle();
  Advance(absl::Hours(1));
  EXPECT_EQ(fetcher_.requests().back().etag, "1");
}

TEST_F(RevocationWatchTest, OwnCertificateRevokedIsAnAlarmR41) {
  PublishBoth(1, {revocation::SerialOf(device_.vendor.certificate)});
  RevocationWatch& watch = Started();
  EXPECT_THAT(watch.View().own_revoked, ElementsAre(HasSubstr("henb-a.example")));
  EXPECT_THAT(log_, Contains(HasSubstr("revocation.own_certificate_revoked")));
}

TEST_F(RevocationWatchTest, NewsThatPlutoDoesNotAskForIsNoneR41) {
  PublishBoth(1, {});
  RevocationWatch& watch = Started();
  core::OcspSettings settings = kAsks;
  settings.strict = false;
  watch.LearnPluto(settings);
  EXPECT_EQ(Stale(), absl::InfiniteDuration());
  EXPECT_THAT(log_, Contains(HasSubstr("revocation.pluto_does_not_ask")));
  watch.LearnPluto(absl::UnavailableError("pluto is down"));
  EXPECT_EQ(Stale(), absl::ZeroDuration()) << "it authenticates nobody, and what runs is not shut for it";
}

TEST_F(RevocationWatchTest, AClockThatIsNotSaneCannotTellTheAgeR57) {
  PublishBoth(1, {});
  Started();
  clock_sane_ = false;
  EXPECT_EQ(Stale(), absl::InfiniteDuration());
}

}  // namespace
}  // namespace henb::x2sec::app
