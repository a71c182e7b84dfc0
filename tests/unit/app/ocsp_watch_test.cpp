// R41, R58: from a certificate that pluto asks about to the authority's answer, and what x2sec-ocspd is left with.
#include "henb-x2sec/app/revocation/ocsp_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/log.h"
#include "common/strings.h"
#include "device_files.h"
#include "henb-x2sec/app/revocation/revocation_watch.h"
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
using Page = tests::FakeHttpFetcher::Page;
using Status = tests::OcspSpec::Status;

constexpr char kResponder[] = "http://10.100.0.10/ocsp";
constexpr char kSecond[] = "http://10.100.0.11/ocsp";
constexpr char kAsked[] = "http://127.0.0.1:8888/asked";
const core::OcspSettings kAsks{
    .enabled = true, .strict = true, .uri = "http://127.0.0.1:8888/", .trusted_name = "x", .answers_kept_s = 1};

class OcspWatchTest : public tests::LoopFixture {
 protected:
  OcspWatchTest() : credentials_(Credentials::Load(device_.config, store_).value()) {
    device_.config.revocation.vendor_ocsp = {kResponder};
    policy_.rules.resize(1);
    policy_.revocation_default = {policy::RevocationMode::kGrace, absl::Minutes(30)};
    common::SetLogSinkForTest([this](std::string_view line) { log_.emplace_back(line); });
    ike_.set_ocsp(kAsks);
    fetcher_.Put(kAsked, {.body = R"({"asked":[]})", .etag = ""});
    Open(kResponder);
  }
  ~OcspWatchTest() override { common::SetLogSinkForTest(nullptr); }

  void Open(const std::string& url) {
    fetcher_.OnPost(url, [this](const std::string& body) { return Respond(body); });
  }
  /// The authority's responder: good of whom it is not told otherwise.
  Page Respond(const std::string& body) {
    if (away_) return {.body = "", .etag = "", .away = true};
    std::string serial;
    tests::OcspSpec spec{.this_update = clock.Now() + offset_, .next_update = clock.Now() + offset_ + holds_};
    spec.nonce = tests::ReadOcspRequest(body, &serial).value();
    asked_.push_back(serial);
    if (!nonce_) spec.nonce.clear();
    if (says_.contains(serial)) spec.status = says_.at(serial);
    const bool of_ca = serial == revocation::SerialOf(device_.vendor_ca.certificate());
    const tests::TestAuthority& issuer = of_ca ? device_.vendor_root : device_.vendor_ca;
    const tests::TestAuthority& signer = forged_ ? stranger_ : issuer;
    return {
        .body = tests::BuildOcspAnswer(spec, issuer.certificate(), serial, signer.certificate(), signer.key()).value(),
        .etag = ""};
  }
  RevocationWatch& Started() {
    watch_.reset();
    watch_ = std::make_unique<RevocationWatch>(RevocationWatch::Parts{
        device_.config, loop, clock, random, worker, worker, fetcher_, &ike_, credentials_, [this] { return &policy_; },
        [] { return true; }, [](absl::Time) {}, [this] { ++changed_; },
        [this](std::uint64_t newest, const auto&) { proofs_.push_back(newest); }});
    EXPECT_TRUE(watch_->Start().ok());
    watch_->LearnPluto(ike_.Ocsp());
    Settle();
    return *watch_;
  }
  /// pluto asks x2sec-ocspd about a certificate of the vendor's CA, and x2secd looks.
  void PlutoAsks(const std::string& serial) {
    const auto id = revocation::IssuerId::Of(device_.vendor_ca.certificate());
    clock.Advance(absl::Seconds(2));
    fetcher_.Put(kAsked,
                 {.body = common::StrCat(R"({"asked":[{"serial":")", serial, R"(","verdict":"UNKNOWN","at_ms":)",
                                         absl::ToUnixMillis(clock.Now()), R"(,"name_hash":")", id.name_sha1,
                                         R"(","key_hash":")", id.key_sha1, "\"}]}"),
                  .etag = ""});
    Settle();
  }
  [[nodiscard]] Verdict Word(const std::string& serial) const {
    const auto text = common::ReadFile(device_.config.state_dir + "/verdicts.json");
    if (!text.ok()) return Verdict::kUnknown;
    const auto id = revocation::IssuerId::Of(device_.vendor_ca.certificate());
    return revocation::VerdictFor(
        revocation::ParseVerdicts(*text).value(),
        {.sha256 = false, .name_hash = id.name_sha1, .key_hash = id.key_sha1, .serial = serial}, clock.Now());
  }
  [[nodiscard]] absl::Duration Stale() const { return *watch_->News().front().stale_for; }
  void Ticks(absl::Duration time) {
    for (absl::Duration done = absl::ZeroDuration(); done < time; done += absl::Minutes(1)) {
      Advance(absl::Minutes(1));
      watch_->Tick();
      Settle();
    }
  }

  tests::DeviceFiles device_;
  tests::FakeCertificateStore store_;
  Credentials credentials_;
  tests::FakeHttpFetcher fetcher_;
  tests::FakeIkeNetwork network_;
  tests::FakeIkeDaemon ike_{network_, nullptr};
  policy::Policy policy_;
  const tests::TestAuthority stranger_ = tests::TestAuthority::Root("/O=Vendor 1/CN=Vendor 1 devices");
  std::map<std::string, Status> says_;
  bool away_ = false, nonce_ = true, forged_ = false;
  absl::Duration offset_ = absl::ZeroDuration(), holds_ = absl::Hours(2);
  std::vector<std::string> asked_;
  int changed_ = 0;
  std::vector<std::uint64_t> proofs_;
  std::vector<std::string> log_;
  std::unique_ptr<RevocationWatch> watch_;
};

TEST_F(OcspWatchTest, TheDevicesOwnCertificateTellsThatTheResponderIsThereR41) {
  RevocationWatch& watch = Started();
  EXPECT_EQ(Stale(), absl::ZeroDuration());
  EXPECT_THAT(asked_, Contains(revocation::SerialOf(device_.vendor.certificate)));
  EXPECT_THAT(asked_, Contains(revocation::SerialOf(device_.vendor_ca.certificate())));
  EXPECT_EQ(watch.News()[1].stale_for, std::nullopt) << "the operator's side has no responder";
  EXPECT_THAT(watch.urls(), ElementsAre(kResponder));
  EXPECT_GT(changed_, 0);
}

TEST_F(OcspWatchTest, WhoWasNotAskedAboutIsUnknownUntilTheAuthorityAnswersR41) {
  Started();
  EXPECT_EQ(Word("b1"), Verdict::kUnknown);
  PlutoAsks("b1");
  EXPECT_EQ(Word("b1"), Verdict::kGood);
  EXPECT_EQ(Word("c1"), Verdict::kUnknown);
  says_["c1"] = Status::kUnknown;
  PlutoAsks("c1");
  EXPECT_EQ(Word("c1"), Verdict::kUnknown) << "the authority does not know it";
  says_["d1"] = Status::kRevoked;
  PlutoAsks("d1");
  EXPECT_EQ(Word("d1"), Verdict::kRevoked);
  const auto questions = asked_.size();
  PlutoAsks("b1");
  EXPECT_EQ(asked_.size(), questions) << "what is held is not asked again";
}

TEST_F(OcspWatchTest, SomebodyNewlyRevokedMakesLinksProveThemselvesOnceR58) {
  Started();
  PlutoAsks("b1");
  EXPECT_THAT(proofs_, IsEmpty());
  says_["b1"] = Status::kRevoked;
  Advance(absl::Hours(1) * 1.2);
  ASSERT_EQ(proofs_.size(), 1U);
  EXPECT_EQ(Word("b1"), Verdict::kRevoked);
  EXPECT_EQ(ike_.calls("ForgetOcspAnswers"), 1);
  Advance(absl::Hours(1) * 1.2);
  EXPECT_EQ(proofs_.size(), 1U);
  // Kept after its consequences: a restart knows it, and nobody proves himself again.
  away_ = true;
  Started();
  EXPECT_EQ(Word("b1"), Verdict::kRevoked);
  EXPECT_EQ(proofs_.size(), 1U);
}

TEST_F(OcspWatchTest, ForgedNoncelessFutureAndOldAnswersAreNoneR41) {
  Started();
  struct Sin {
    std::string serial;
    std::function<void()> sin;
  };
  const Sin sins[] = {{"b1", [this] { forged_ = true; }},
                      {"b2", [this] { nonce_ = false; }},
                      {"b3", [this] { offset_ = absl::Hours(1); }},
                      {"b4", [this] { offset_ = -absl::Hours(9); }}};
  for (const Sin& each : sins) {
    forged_ = false;
    nonce_ = true;
    offset_ = absl::ZeroDuration();
    each.sin();
    clock.Advance(absl::Minutes(6));  // past the pause after a failure
    PlutoAsks(each.serial);
    EXPECT_THAT(asked_, Contains(each.serial));
    EXPECT_EQ(Word(each.serial), Verdict::kUnknown) << each.serial;
    EXPECT_THAT(log_, Contains(AllOf(HasSubstr("revocation.ocsp_not_answered"), HasSubstr(each.serial))));
  }
}

TEST_F(OcspWatchTest, ANonceMayBeWaivedR41) {
  device_.config.revocation.ocsp_nonce = false;
  nonce_ = false;
  Started();
  EXPECT_EQ(Stale(), absl::ZeroDuration());
}

TEST_F(OcspWatchTest, TheNextResponderIsAskedWhenOneDoesNotAnswerR41) {
  device_.config.revocation.vendor_ocsp = {"http://10.100.0.99/ocsp", kSecond};
  Open(kSecond);
  RevocationWatch& watch = Started();
  EXPECT_EQ(Stale(), absl::InfiniteDuration());
  EXPECT_THAT(watch.View().problems, ElementsAre("http://10.100.0.99/ocsp: nobody is there"));
  Advance(absl::Seconds(4));
  EXPECT_EQ(Stale(), absl::ZeroDuration());
  EXPECT_THAT(watch.View().problems, IsEmpty());
}

TEST_F(OcspWatchTest, WithoutAnAnswerEverLinksAreShutAndTheBackhaulIsNotR41) {
  away_ = true;
  RevocationWatch& watch = Started();
  EXPECT_EQ(Stale(), absl::InfiniteDuration()) << "decisions block on it";
  EXPECT_EQ(Word("5e6"), Verdict::kGood) << "x2sec-ocspd lets the SeGW in";
  away_ = false;
  watch.PathChanged();
  Settle();
  EXPECT_EQ(Stale(), absl::ZeroDuration());
  EXPECT_EQ(Word("5e6"), Verdict::kUnknown);
}

TEST_F(OcspWatchTest, TheGraceHoldsForWhoIsKnownThenNobodyIsGoodR41) {
  holds_ = absl::Minutes(10);
  Started();
  PlutoAsks("b1");
  away_ = true;
  Ticks(absl::Minutes(15));
  EXPECT_GT(Stale(), absl::ZeroDuration());
  EXPECT_EQ(Word("b1"), Verdict::kGood) << "in the grace";
  EXPECT_EQ(Word("c1"), Verdict::kUnknown);
  EXPECT_THAT(log_, Contains(HasSubstr("revocation.news_stale")));
  // x2secd is dead when the grace ends.
  clock.Advance(absl::Minutes(30));
  EXPECT_EQ(Word("b1"), Verdict::kUnknown);
}

TEST_F(OcspWatchTest, ASegwWithANewCertificateGetsInThoughTheResponderIsBehindItR41) {
  RevocationWatch& watch = Started();
  away_ = true;
  watch.PathLost();
  PlutoAsks("5e6");
  EXPECT_EQ(Word("5e6"), Verdict::kUnknown);
  EXPECT_EQ(Stale(), absl::ZeroDuration());
  Ticks(OcspWatch::kLockedOutAfter + absl::Minutes(1));
  EXPECT_EQ(Stale(), absl::InfiniteDuration()) << "links are shut";
  EXPECT_EQ(Word("5e6"), Verdict::kGood);
  away_ = false;
  watch.PathChanged();
  Settle();
  EXPECT_EQ(Stale(), absl::ZeroDuration());
  EXPECT_EQ(Word("5e6"), Verdict::kGood) << "the authority says so now";
  EXPECT_EQ(Word("c1"), Verdict::kUnknown);
}

TEST_F(OcspWatchTest, ARestartWithTheResponderAwayKnowsWhatItKnewR41) {
  Started();
  PlutoAsks("b1");
  Advance(absl::Seconds(2));
  away_ = true;
  Started();
  EXPECT_EQ(Stale(), absl::ZeroDuration());
  EXPECT_EQ(Word("b1"), Verdict::kGood);
}

TEST_F(OcspWatchTest, AListBesideItSpeaksOfAllR41) {
  constexpr char kList[] = "http://10.100.0.10/devices.crl";
  device_.config.revocation.vendor_lists = {kList};
  tests::ListSpec spec{.revoked = {"e1"}};
  spec.this_update = clock.Now();
  spec.next_update = clock.Now() + absl::Hours(2);
  const auto list = tests::BuildList(spec, device_.vendor_ca.certificate(), device_.vendor_ca.key());
  fetcher_.Put(kList, {.body = list.value(), .etag = "1"});
  Started();
  EXPECT_EQ(Word("c1"), Verdict::kGood);
  EXPECT_EQ(Word("e1"), Verdict::kRevoked);
  says_["b1"] = Status::kRevoked;
  PlutoAsks("b1");
  EXPECT_EQ(Word("b1"), Verdict::kRevoked) << "either may say so";
}

TEST_F(OcspWatchTest, OwnCertificateRevokedIsAnAlarmR41) {
  says_[revocation::SerialOf(device_.vendor.certificate)] = Status::kRevoked;
  RevocationWatch& watch = Started();
  EXPECT_THAT(watch.View().own_revoked, ElementsAre(HasSubstr("henb-a.example")));
}

}  // namespace
}  // namespace henb::x2sec::app
