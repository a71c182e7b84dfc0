// R43, R44: who is refused at the call, by certificate, by registration, by pair.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/file.h"
#include "common/strings.h"
#include "tests/unit/keydist/test_server.h"

namespace henb::keydist::test {
namespace {

using x2sec::core::KeyDenial;

class RefusedCallers : public ::testing::Test {
 protected:
  void SetUp() override { server.Start(); }
  absl::Status Ask(const Identity& identity) {
    return server.Client(identity)->GetPairKeys({Id("d.example")}).status();
  }
  absl::StatusCode Code(const Identity& identity) { return Ask(identity).code(); }
  std::string Audit() { return *common::ReadFile(server.config.audit_path); }
  TestServer server;
};

constexpr auto kHandshake = absl::StatusCode::kUnavailable;  ///< Refused before there is a call.

TEST_F(RefusedCallers, R43TheRightOneIsServed) {
  EXPECT_EQ(Code(server.vendor_one.Issue("a.example")), absl::StatusCode::kOk);
}

TEST_F(RefusedCallers, R43AnotherOperatorsCertificate) {
  const TestCa stranger("another operator");
  EXPECT_EQ(Code(stranger.Issue("a.example")), kHandshake);
}

TEST_F(RefusedCallers, R43SameIssuerNameWithAnotherKey) {
  const TestCa twin("vendor one root");
  EXPECT_EQ(Code(twin.Issue("a.example")), kHandshake);
}

TEST_F(RefusedCallers, R43Expired) {
  EXPECT_EQ(Code(server.vendor_one.Issue(LeafOptions{.dns_names = {"a.example"},
                                                     .not_before = absl::Now() - absl::Hours(3),
                                                     .not_after = absl::Now() - absl::Hours(2)})),
            kHandshake);
}

TEST_F(RefusedCallers, R43NotYetValid) {
  EXPECT_EQ(Code(server.vendor_one.Issue(
                LeafOptions{.dns_names = {"a.example"}, .not_before = absl::Now() + absl::Hours(1)})),
            kHandshake);
}

TEST_F(RefusedCallers, R43Forged) {
  EXPECT_EQ(Code(server.vendor_one.Forge({.dns_names = {"a.example"}})), kHandshake);
}

TEST_F(RefusedCallers, R43SelfSigned) { EXPECT_EQ(Code(SelfSigned({.dns_names = {"a.example"}})), kHandshake); }

TEST_F(RefusedCallers, R43ForServersOnly) {
  EXPECT_EQ(Code(server.vendor_one.Issue(LeafOptions{.dns_names = {"a.example"}, .extended_key_usage = "serverAuth"})),
            kHandshake);
}

TEST_F(RefusedCallers, R43NoCertificateAtAll) { EXPECT_EQ(Code(Identity{}), kHandshake); }

TEST_F(RefusedCallers, R43TheRightNameUnderAnotherAnchor) {
  EXPECT_EQ(Code(server.vendor_two.Issue("a.example")), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(Audit(),
              ::testing::HasSubstr(common::StrCat("\"event\":\"caller_refused\",\"actor\":\"a.example\",\"anchor\":\"",
                                                  server.vendor_two.spki().ToHex())));
}

TEST_F(RefusedCallers, R43NoSan) {
  EXPECT_EQ(Code(server.vendor_one.Issue(LeafOptions{.dns_names = {}, .common_name = "a.example"})),
            absl::StatusCode::kUnauthenticated);
}

TEST_F(RefusedCallers, R43TwoSans) {
  EXPECT_EQ(Code(server.vendor_one.Issue(LeafOptions{.dns_names = {"a.example", "b.example"}})),
            absl::StatusCode::kUnauthenticated);
}

TEST_F(RefusedCallers, R43Wildcard) {
  EXPECT_EQ(Code(server.vendor_one.Issue(LeafOptions{.dns_names = {"*.example"}})), absl::StatusCode::kUnauthenticated);
}

TEST_F(RefusedCallers, R43ThroughAnIntermediateTheAnchorIsTheRoot) {
  const TestCa intermediate = server.vendor_one.Intermediate("vendor one issuing");
  EXPECT_EQ(Code(intermediate.Issue("a.example")), absl::StatusCode::kOk);
  EXPECT_EQ(Code(server.vendor_two.Intermediate("vendor two issuing").Issue("a.example")),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(RefusedCallers, R44ANameThatNobodyRegistered) {
  EXPECT_EQ(Code(server.vendor_one.Issue("nobody.example")), absl::StatusCode::kPermissionDenied);
}

TEST_F(RefusedCallers, R44ASuspendedCaller) {
  const auto a = server.Client("a.example", server.vendor_one);
  ASSERT_TRUE(a->GetPairKeys({Id("d.example")}).ok());
  ASSERT_EQ(server.Ctl({"henb", "suspend", "a.example"}), 0);
  EXPECT_EQ(a->GetPairKeys({Id("d.example")}).status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(a->Register({}).status().code(), absl::StatusCode::kPermissionDenied);
  const auto at_d = server.Client("d.example", server.vendor_two)->GetPairKeys({Id("a.example")});
  EXPECT_EQ(std::get<KeyDenial>(at_d->at(0).result), KeyDenial::kSuspended);
}

TEST_F(RefusedCallers, R44ADeniedPairLooksLikeAnUnknownOne) {
  ASSERT_EQ(server.Ctl({"pair", "deny", "a.example", "d.example"}), 0);
  const auto answer = server.Client("a.example", server.vendor_one)
                          ->GetPairKeys({Id("d.example"), Id("nobody.example"), Id("b.example")});
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(std::get<KeyDenial>(answer->at(0).result), KeyDenial::kNotAllowed);
  EXPECT_EQ(std::get<KeyDenial>(answer->at(1).result), KeyDenial::kNotAllowed);
  EXPECT_TRUE(std::holds_alternative<x2sec::core::PairKeys>(answer->at(2).result));
  EXPECT_THAT(Audit(), ::testing::HasSubstr("{\"peer\":\"d.example\",\"outcome\":\"not_allowed\"}"));
}

TEST_F(RefusedCallers, ARefusedCallDoesNotSayWhoExists) {
  ASSERT_TRUE(server.Add("e.example", server.vendor_one, "elsewhere").ok());
  const auto answer =
      server.Client("e.example", server.vendor_one)->GetPairKeys({Id("d.example"), Id("nobody.example")});
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(std::get<KeyDenial>(answer->at(0).result), std::get<KeyDenial>(answer->at(1).result));
}

}  // namespace
}  // namespace henb::keydist::test
