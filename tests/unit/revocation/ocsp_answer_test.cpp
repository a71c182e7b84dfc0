// R41: an OCSP answer counts only when the issuer, or whom the issuer named for it, signed it about this certificate.
#include "henb-x2sec/revocation/ocsp_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "henb-x2sec/revocation/issuer_id.h"
#include "tests/support/revocation_builder.h"
#include "tests/support/test_pki.h"

namespace henb::x2sec::revocation {
namespace {

using ::testing::HasSubstr;
using tests::BuildOcspAnswer;
using tests::OcspSpec;
using tests::TestAuthority;
using tests::TestCredential;

const absl::Time kNow = OcspSpec{}.this_update + absl::Minutes(1);
constexpr char kNonce[] = "0123456789abcdef0123456789abcdef";

class OcspAnswerTest : public ::testing::Test {
 protected:
  [[nodiscard]] absl::StatusOr<OcspAnswer> Verified(const OcspSpec& spec, const TestCredential& signer,
                                                    const OcspLimits& limits = {}) const {
    const auto der = BuildOcspAnswer(spec, ca_.certificate(), "a1b2", signer.certificate, signer.key.get());
    return VerifyOcspAnswer(der.value(), ca_.certificate(), "a1b2", kNonce, kNow, limits);
  }
  [[nodiscard]] TestCredential Itself() const {
    return {ca_.certificate(), std::shared_ptr<EVP_PKEY>(ca_.key(), [](EVP_PKEY*) {})};
  }
  const TestAuthority ca_ = TestAuthority::Root("/O=Vendor/CN=Vendor Root");
  const TestCredential responder_ =
      ca_.Issue({.subject = "/O=Vendor/CN=Responder", .extended_usages = {"OCSPSigning"}});
};

TEST_F(OcspAnswerTest, TakesTheIssuersAndItsRespondersWordR41) {
  for (const TestCredential& signer : {Itself(), responder_}) {
    for (const bool sha1_id : {false, true}) {
      const auto good = Verified({.nonce = kNonce, .sha1_id = sha1_id}, signer);
      ASSERT_TRUE(good.ok()) << good.status();
      EXPECT_EQ(good->verdict, Verdict::kGood);
      EXPECT_EQ(good->next_update, OcspSpec{}.next_update);
    }
    EXPECT_EQ(Verified({.status = OcspSpec::Status::kRevoked}, signer)->verdict, Verdict::kRevoked);
    EXPECT_EQ(Verified({.status = OcspSpec::Status::kUnknown}, signer)->verdict, Verdict::kUnknown);
  }
}

TEST_F(OcspAnswerTest, RefusesSignersWithoutTheRightR41) {
  const TestAuthority other = TestAuthority::Root("/O=Vendor/CN=Vendor Root");
  for (const TestCredential& wrong :
       {ca_.Issue({.subject = "/O=Vendor/CN=henb-b.example"}),
        ca_.Issue({.subject = "/O=Vendor/CN=TLS", .extended_usages = {"serverAuth"}}),
        other.Issue({.subject = "/O=Vendor/CN=Responder", .extended_usages = {"OCSPSigning"}}),
        ca_.Issue({.subject = "/O=Vendor/CN=Responder",
        .extended_usages = {"OCSPSigning"},
        .not_after = kNow - absl::Hours(1)}),
        ca_.Subordinate("/O=Vendor/CN=Sub")
            .Issue({.subject = "/O=Vendor/CN=Responder", .extended_usages = {"OCSPSigning"}})}) {
    const auto answer = Verified({}, wrong);
    EXPECT_TRUE(absl::IsInvalidArgument(answer.status())) << wrong.certificate.subject();
  }
}

TEST_F(OcspAnswerTest, RefusesSha1OtherCertificatesAndMissingDatesR41) {
  EXPECT_THAT(std::string(Verified({.digest = "SHA1"}, responder_).status().message()), HasSubstr("SHA-2"));
  EXPECT_THAT(std::string(Verified({.next_update = absl::InfinitePast()}, responder_).status().message()),
              HasSubstr("nextUpdate"));
  const auto about_another =
      BuildOcspAnswer({}, ca_.certificate(), "a1b3", responder_.certificate, responder_.key.get());
  EXPECT_THAT(std::string(VerifyOcspAnswer(*about_another, ca_.certificate(), "a1b2", kNonce, kNow).status().message()),
              HasSubstr("another certificate"));
}

TEST_F(OcspAnswerTest, AReplayedAnswerHasAnotherNonceR41) {
  EXPECT_THAT(std::string(Verified({.nonce = "an answer of yesterday, 32 octets"}, responder_).status().message()),
              HasSubstr("nonce"));
  EXPECT_TRUE(Verified({}, responder_).ok()) << "signed ahead, without a nonce";
  EXPECT_FALSE(Verified({}, responder_, {.nonce_required = true}).ok());
  EXPECT_TRUE(Verified({.nonce = kNonce}, responder_, {.nonce_required = true}).ok());
}

TEST_F(OcspAnswerTest, RefusesWhatIsNoAnswerR41) {
  const auto check = [&](std::string_view der, const OcspLimits& limits = {}) {
    return VerifyOcspAnswer(der, ca_.certificate(), "a1b2", kNonce, kNow, limits).status();
  };
  const auto der = BuildOcspAnswer({}, ca_.certificate(), "a1b2", responder_.certificate, responder_.key.get()).value();
  EXPECT_TRUE(absl::IsInvalidArgument(check("")));
  EXPECT_TRUE(absl::IsInvalidArgument(check(der + "x")));
  EXPECT_TRUE(absl::IsResourceExhausted(check(der, {.most_octets = der.size() - 1})));
  EXPECT_TRUE(absl::IsUnavailable(check(std::string("\x30\x03\x0a\x01\x03", 5)))) << "tryLater";
}

TEST_F(OcspAnswerTest, TheQuestionNamesTheCertificateAndHasANonceR41) {
  common::FakeRandom random;
  const auto question = AskAbout(ca_.certificate(), "a1b2", random);
  ASSERT_TRUE(question.ok()) << question.status();
  std::string serial;
  EXPECT_EQ(tests::ReadOcspRequest(question->der, &serial).value(), question->nonce);
  EXPECT_EQ(serial, "a1b2");
  EXPECT_NE(AskAbout(ca_.certificate(), "a1b2", random)->nonce, question->nonce);
  EXPECT_TRUE(absl::IsInvalidArgument(AskAbout(ca_.certificate(), "no number", random).status()));
}

}  // namespace
}  // namespace henb::x2sec::revocation
