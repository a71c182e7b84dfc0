// The certificate of a caller is judged by the service's own clock, also one that was verified before (R43).
#include "keydist-server/rpc/peer_verifier.h"

#include <gtest/gtest.h>

#include "common/clock.h"
#include "tests/unit/keydist/test_pki.h"

namespace henb::keydist::rpc {
namespace {

class PeerVerifierTest : public ::testing::Test {
 protected:
  PeerVerifierTest() : verifier_(*PeerVerifier::Make({vendor_.certificate()}, clock_)) {}
  test::LeafOptions Leaf(absl::Duration from, absl::Duration to) const {
    return {.dns_names = {"henb-a.example"}, .not_before = absl::Now() + from, .not_after = absl::Now() + to};
  }
  test::TestCa vendor_{"vendor root"};
  common::FakeClock clock_{absl::Now()};
  std::unique_ptr<PeerVerifier> verifier_;
};

TEST_F(PeerVerifierTest, R43NamesTheAnchorAndTheOneDnsName) {
  const auto caller = verifier_->Identify(vendor_.Issue(Leaf(-absl::Hours(1), absl::Hours(1))).certificate_pem, "");
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_EQ((*caller)->id.str(), "henb-a.example");
  EXPECT_EQ((*caller)->anchor, vendor_.spki());
}

TEST_F(PeerVerifierTest, R43ExpiredAndNotYetValidAreRefused) {
  EXPECT_FALSE(verifier_->Identify(vendor_.Issue(Leaf(-absl::Hours(2), -absl::Hours(1))).certificate_pem, "").ok());
  EXPECT_FALSE(verifier_->Identify(vendor_.Issue(Leaf(absl::Hours(1), absl::Hours(2))).certificate_pem, "").ok());
}

TEST_F(PeerVerifierTest, R43WhatWasVerifiedOnceExpiresAllTheSame) {
  const std::string pem = vendor_.Issue(Leaf(-absl::Hours(1), absl::Hours(1))).certificate_pem;
  ASSERT_TRUE(verifier_->Identify(pem, "").ok());
  clock_.Advance(absl::Hours(2));
  EXPECT_FALSE(verifier_->Identify(pem, "").ok());
}

}  // namespace
}  // namespace henb::keydist::rpc
