// R41: the answer that pluto gets. Verified here as x2secd verifies those of an authority.
#include "henb-x2sec/ocspd/responder.h"

#include <gtest/gtest.h>
#include <openssl/ocsp.h>
#include <sys/stat.h>

#include "common/file.h"
#include "henb-x2sec/revocation/issuer_id.h"
#include "henb-x2sec/revocation/ocsp_answer.h"
#include "henb-x2sec/revocation/openssl_ptr.h"
#include "tests/support/temp_directory.h"
#include "tests/support/test_pki.h"

namespace henb::x2sec::ocspd {
namespace {

using revocation::OpensslPtr;
using revocation::Verdict;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

class ResponderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(MakeSigner(folder_.File("c.pem"), folder_.File("k.pem"), kNow).ok());
    auto signer = LoadSigner(folder_.File("c.pem"), folder_.File("k.pem"));
    ASSERT_TRUE(signer.ok()) << signer.status();
    certificate_ = signer->certificate;
    responder_ = std::make_unique<Responder>(*std::move(signer));
  }
  [[nodiscard]] std::string Answer(std::string_view request, Verdict verdict = Verdict::kGood) {
    return responder_->Answer(
        request,
        [&](const revocation::Subject& subject) {
          asked_.push_back(subject);
          return verdict;
        },
        kNow);
  }
  /// Status of the whole answer, as RFC 6960 numbers it.
  static int StatusOf(const std::string& der) {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    const OpensslPtr<OCSP_RESPONSE> response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
    return response == nullptr ? -1 : OCSP_response_status(response.get());
  }
  /// The one answer in it, when the responder's own certificate signed it.
  [[nodiscard]] int VerifiedStatus(const std::string& der) const {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    const OpensslPtr<OCSP_RESPONSE> response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
    const OpensslPtr<OCSP_BASICRESP> basic(OCSP_response_get1_basic(response.get()));
    STACK_OF(X509)* signers = sk_X509_new_null();
    sk_X509_push(signers, certificate_->get());
    const int verified = OCSP_basic_verify(basic.get(), signers, nullptr, OCSP_TRUSTOTHER);
    sk_X509_free(signers);
    if (verified != 1) return -1;
    ASN1_GENERALIZEDTIME* this_update = nullptr;
    ASN1_GENERALIZEDTIME* next_update = nullptr;
    const int status =
        OCSP_single_get0_status(OCSP_resp_get0(basic.get(), 0), nullptr, nullptr, &this_update, &next_update);
    EXPECT_LE(revocation::TimeOf(this_update, absl::InfiniteFuture()), kNow);
    EXPECT_GT(revocation::TimeOf(next_update, absl::InfinitePast()), kNow);
    EXPECT_LT(revocation::TimeOf(next_update, absl::InfiniteFuture()), kNow + absl::Minutes(1));
    return status;
  }

  const tests::TempDirectory folder_;
  std::optional<common::Certificate> certificate_;
  std::unique_ptr<Responder> responder_;
  const tests::TestAuthority ca_ = tests::TestAuthority::Root("/O=Vendor/CN=Vendor Root");
  common::FakeRandom random_;
  std::vector<revocation::Subject> asked_;
};

TEST_F(ResponderTest, SaysWhatItIsToldR41) {
  const auto question = revocation::AskAbout(ca_.certificate(), "a1b2", random_);
  ASSERT_TRUE(question.ok());
  EXPECT_EQ(VerifiedStatus(Answer(question->der, Verdict::kGood)), V_OCSP_CERTSTATUS_GOOD);
  EXPECT_EQ(VerifiedStatus(Answer(question->der, Verdict::kRevoked)), V_OCSP_CERTSTATUS_REVOKED);
  EXPECT_EQ(VerifiedStatus(Answer(question->der, Verdict::kUnknown)), V_OCSP_CERTSTATUS_UNKNOWN);
  ASSERT_EQ(asked_.size(), 3U);
  const auto id = revocation::IssuerId::Of(ca_.certificate());
  EXPECT_TRUE(asked_[0].sha256);
  EXPECT_EQ(asked_[0].name_hash, id.name_sha256);
  EXPECT_EQ(asked_[0].key_hash, id.key_sha256);
  EXPECT_EQ(asked_[0].serial, "a1b2");
}

TEST_F(ResponderTest, UnderstandsTheQuestionThatPlutoAsksR41) {
  // SHA-1 of the issuer, as libreswan's NSS asks.
  const OpensslPtr<OCSP_REQUEST> request(OCSP_REQUEST_new());
  const auto leaf = ca_.IssueHenb("henb-b.example");
  OCSP_request_add0_id(request.get(), OCSP_cert_to_id(EVP_sha1(), leaf.certificate.get(), ca_.certificate().get()));
  unsigned char* der = nullptr;
  const int size = i2d_OCSP_REQUEST(request.get(), &der);
  EXPECT_EQ(VerifiedStatus(Answer({reinterpret_cast<char*>(der), static_cast<std::size_t>(size)})),
            V_OCSP_CERTSTATUS_GOOD);
  OPENSSL_free(der);
  ASSERT_EQ(asked_.size(), 1U);
  EXPECT_FALSE(asked_[0].sha256);
  EXPECT_EQ(asked_[0].key_hash, revocation::IssuerId::Of(ca_.certificate()).key_sha1);
  EXPECT_EQ(asked_[0].serial, revocation::SerialOf(leaf.certificate));
}

TEST_F(ResponderTest, AnswersEveryOtherOctetsAsMalformedR41) {
  const auto question = revocation::AskAbout(ca_.certificate(), "a1b2", random_);
  for (const std::string& bad : {std::string(), std::string("x"), question->der + "x", question->der.substr(1)}) {
    EXPECT_EQ(StatusOf(Answer(bad)), OCSP_RESPONSE_STATUS_MALFORMEDREQUEST);
  }
  EXPECT_TRUE(asked_.empty());
}

TEST_F(ResponderTest, ItsKeyIsMadeOnceAndReadableForItselfAlone) {
  struct stat info {};
  ASSERT_EQ(stat(folder_.File("k.pem").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  EXPECT_TRUE(absl::IsAlreadyExists(MakeSigner(folder_.File("c.pem"), folder_.File("k.pem"), kNow)));
  EXPECT_TRUE(absl::IsNotFound(LoadSigner(folder_.File("none.pem"), folder_.File("k.pem")).status()));
  ASSERT_TRUE(common::WriteFileAtomically(folder_.File("c.pem"), ca_.certificate().pem()).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(LoadSigner(folder_.File("c.pem"), folder_.File("k.pem")).status()));
}

}  // namespace
}  // namespace henb::x2sec::ocspd
