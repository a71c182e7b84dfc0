#include "henb-x2sec/nem/lifecycle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/test_pki.h"

namespace henb::tests {
namespace {

using absl::StatusCode;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using x2sec::nem::Admit;
using x2sec::nem::RaAnswer;
using x2sec::nem::Reject;
using x2sec::nem::Request;
using x2sec::nem::RequestState;
using x2sec::nem::Settle;
using x2sec::nem::SettleRevocation;
using x2sec::nem::Take;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

class NemLifecycle : public ::testing::Test {
 protected:
  static x2sec::enrol::Pkcs10 NewPkcs10() {
    const std::shared_ptr<EVP_PKEY> key(NewKey().release(), EVP_PKEY_free);
    const auto id = common::HenbId::Parse("henb-a.example").value();
    return x2sec::enrol::ParsePkcs10(x2sec::enrol::MakePkcs10(id, key).value()).value();
  }
  Request In(RequestState state) {
    Request out = Admit(NewPkcs10(), {}, kNow).value().back();
    out.state = state;
    const bool has_certificate = state == RequestState::kIssued || state == RequestState::kTaken ||
                                 state == RequestState::kConfirming || state == RequestState::kRejected;
    if (has_certificate) out.chain = {ca.IssueHenb("henb-a.example").certificate};
    return out;
  }
  RaAnswer Issued() {
    return {x2sec::enrol::CertifiedPath{ca.IssueHenb("henb-a.example").certificate, {}, ca.certificate()}};
  }

  TestAuthority ca = TestAuthority::Root("/O=Operator 1/CN=CA");
  common::FakeRandom random;
};

TEST_F(NemLifecycle, AnUploadReplacesWhatWaitsAndKeepsWhatIsInUse) {
  std::vector<Request> before = {In(RequestState::kTaken), In(RequestState::kPending)};
  const auto changed = Admit(NewPkcs10(), before, kNow).value();
  ASSERT_THAT(changed, SizeIs(2));
  EXPECT_EQ(changed[0].id, before[1].id);
  EXPECT_EQ(changed[0].state, RequestState::kReplaced);
  EXPECT_FALSE(changed[0].revoke_at.has_value());
  EXPECT_EQ(changed[1].state, RequestState::kPending);
}

TEST_F(NemLifecycle, ACertificateThatMayBeInUseIsNotRevokedByAnUpload) {
  Request fetched = In(RequestState::kIssued);
  fetched.collected = true;
  EXPECT_FALSE(Admit(NewPkcs10(), {fetched}, kNow).value()[0].revoke_at.has_value());
  EXPECT_EQ(Admit(NewPkcs10(), {In(RequestState::kIssued)}, kNow).value()[0].revoke_at, kNow);
}

TEST_F(NemLifecycle, WhatIsWithTheRaIsNotReplaced) {
  for (const RequestState state : {RequestState::kSending, RequestState::kConfirming})
    EXPECT_EQ(Admit(NewPkcs10(), {In(state)}, kNow).status().code(), StatusCode::kUnavailable);
}

TEST_F(NemLifecycle, TheSamePkcs10ChangesNothing) {
  const auto pkcs10 = NewPkcs10();
  const auto first = Admit(pkcs10, {}, kNow).value();
  EXPECT_THAT(Admit(pkcs10, first, kNow).value(), IsEmpty());
}

TEST_F(NemLifecycle, R67TakingTheNewEndsTheOldLater) {
  const Request old = In(RequestState::kTaken);
  const Request fresh = In(RequestState::kIssued);
  const auto changed = Take(fresh.id, {old, fresh}, kNow, absl::Hours(1)).value();
  ASSERT_THAT(changed, SizeIs(2));
  EXPECT_EQ(changed[0].revoke_at, kNow + absl::Hours(1));
  EXPECT_EQ(changed[1].state, RequestState::kTaken);
  EXPECT_THAT(Take(fresh.id, changed, kNow, absl::Hours(1)).value(), IsEmpty()) << "said twice";
  EXPECT_EQ(Take("other", changed, kNow, absl::Hours(1)).status().code(), StatusCode::kNotFound);
  const Request pending = In(RequestState::kPending);
  EXPECT_EQ(Take(pending.id, {pending}, kNow, absl::Hours(1)).status().code(), StatusCode::kFailedPrecondition);
}

TEST_F(NemLifecycle, R28WhatIsRejectedIsRevokedAtOnce) {
  const Request rejected = Reject(In(RequestState::kIssued), "cmp.wrong_usage", kNow).value();
  EXPECT_EQ(rejected.state, RequestState::kRejected);
  EXPECT_EQ(rejected.revoke_at, kNow);
  EXPECT_FALSE(Reject(In(RequestState::kTaken), "too late", kNow).ok());
}

TEST_F(NemLifecycle, OutcomesOfTheRa) {
  const auto settle = [&](Request request, RaAnswer answer) {
    Settle(request, answer, kNow, random);
    return request;
  };
  const Request sending = In(RequestState::kSending);
  const Request confirming = In(RequestState::kConfirming);
  EXPECT_EQ(settle(sending, Issued()).state, RequestState::kIssued);
  const Request away = settle(sending, {absl::UnavailableError("cmp.unreachable: x")});
  EXPECT_EQ(away.state, RequestState::kPending);
  EXPECT_GT(away.next_attempt, kNow);
  EXPECT_EQ(settle(sending, {absl::PermissionDeniedError("cmp.refused: x")}).state, RequestState::kRefused);
  EXPECT_EQ(settle(sending, {absl::FailedPreconditionError("cmp.other_key: x")}).state, RequestState::kRefused);
  // certConf went out: the certificate may be valid there.
  const Request unsure = settle(confirming, {absl::FailedPreconditionError("cmp.bad_protection: x")});
  EXPECT_EQ(unsure.state, RequestState::kConfirming);
  EXPECT_TRUE(unsure.MayBeLive());
  EXPECT_EQ(settle(confirming, {absl::PermissionDeniedError("cmp.confirmation_refused: x")}).state,
            RequestState::kRefused);
  const auto left = ca.IssueHenb("henb-a.example").certificate;
  const Request implicit = settle(sending, {absl::FailedPreconditionError("cmp.implicit_confirm: x"), left});
  EXPECT_EQ(implicit.state, RequestState::kConfirming);
  EXPECT_EQ(implicit.chain.at(0).serial_hex(), left.serial_hex());
}

TEST_F(NemLifecycle, OutcomesOfARevocation) {
  const auto settle = [&](Request request, const absl::Status& outcome) {
    SettleRevocation(request, outcome, kNow, random);
    return request;
  };
  const Request rejected = Reject(In(RequestState::kIssued), "", kNow).value();
  EXPECT_FALSE(settle(rejected, absl::OkStatus()).MayBeLive());
  EXPECT_FALSE(settle(rejected, absl::PermissionDeniedError("no such certificate")).MayBeLive());
  const Request later = settle(rejected, absl::UnavailableError("away"));
  EXPECT_TRUE(later.MayBeLive());
  EXPECT_GT(*later.revoke_at, kNow);
  const Request again = settle(In(RequestState::kConfirming), absl::OkStatus());
  EXPECT_EQ(again.state, RequestState::kPending);
  EXPECT_FALSE(again.MayBeLive());
  EXPECT_EQ(settle(In(RequestState::kConfirming), absl::UnavailableError("away")).state, RequestState::kConfirming);
}

TEST_F(NemLifecycle, RetriesBackOffWithJitterUpToALimit) {
  absl::Duration last;
  for (std::uint32_t attempts = 1; attempts < 40; ++attempts) {
    last = x2sec::nem::RetryDelay(attempts, random);
    EXPECT_LE(last, absl::Minutes(10) * 1.25);
  }
  EXPECT_GE(last, absl::Minutes(10) * 0.75);
  EXPECT_LE(x2sec::nem::RetryDelay(1, random), absl::Seconds(7));
}

}  // namespace
}  // namespace henb::tests
