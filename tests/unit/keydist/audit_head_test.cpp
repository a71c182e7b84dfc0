// R51: signed heads of the audit chain.
#include "keydist-server/domain/audit_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace henb::keydist::domain {
namespace {

AuditHead Head() {
  return {.chain = {.sequence = 42, .hash = common::Sha256Digest::Of("x")},
          .at = absl::FromUnixMicros(1'800'000'000'123'456),
          .replica = "gw-1.example"};
}

std::string Signed(const AuditHeadSigner& signer) {
  std::string line = *signer.Sign(Head());
  EXPECT_EQ(line.back(), '\n');
  line.pop_back();
  return line;
}

TEST(AuditHead, R51IsALineOfJsonThatThePublicKeyChecks) {
  const AuditHeadSigner signer = *AuditHeadSigner::Make();
  const std::string line = Signed(signer);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["seq"], 42);
  EXPECT_EQ(json["hash"], Head().chain.hash.ToHex());
  EXPECT_EQ(json["at"], "2027-01-15T08:00:00.123456Z");
  EXPECT_EQ(json["replica"], "gw-1.example");
  const auto verifier = AuditHeadVerifier::FromPem(*signer.PublicPem());
  ASSERT_TRUE(verifier.ok()) << verifier.status();
  const auto head = verifier->Check(line);
  ASSERT_TRUE(head.ok()) << head.status();
  EXPECT_EQ(*head, Head());
}

TEST(AuditHead, R51AnyChangeOfAnyOctetShows) {
  const AuditHeadSigner signer = *AuditHeadSigner::Make();
  const std::string line = Signed(signer);
  for (std::size_t i = 0; i < line.size(); ++i) {
    std::string altered = line;
    altered[i] = static_cast<char>(altered[i] ^ 1);
    EXPECT_FALSE(signer.verifier().Check(altered).ok()) << "octet " << i;
    EXPECT_FALSE(signer.verifier().Check(line.substr(i + 1)).ok());
    EXPECT_FALSE(signer.verifier().Check(line.substr(0, i)).ok());
  }
}

TEST(AuditHead, R51AnotherKeysSignatureIsNone) {
  const AuditHeadSigner one = *AuditHeadSigner::Make();
  const AuditHeadSigner two = *AuditHeadSigner::Make();
  EXPECT_EQ(two.verifier().Check(Signed(one)).status().code(), absl::StatusCode::kDataLoss);
}

TEST(AuditHead, AKeyThatWasKeptSignsAgain) {
  const AuditHeadSigner made = *AuditHeadSigner::Make();
  const auto loaded = AuditHeadSigner::FromPem(*made.PrivatePem());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE(made.verifier().Check(Signed(*loaded)).ok());
  EXPECT_EQ(AuditHeadSigner::FromPem(common::SecretBytes::CopyOf(std::string_view("no key"))).status().code(),
            absl::StatusCode::kInvalidArgument);
  const common::SecretBytes secret = *made.PrivatePem();
  EXPECT_FALSE(AuditHeadVerifier::FromPem(secret.view()).ok()) << "a private key is not a public one";
}

TEST(AuditHead, AReplicasNameCannotForgeAMember) {
  AuditHead head = Head();
  head.replica = "gw\",\"seq\":\"1";
  EXPECT_EQ(AuditHeadSigner::Make()->Sign(head).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(IsReplicaName(""));
  EXPECT_FALSE(IsReplicaName(std::string(65, 'a')));
}

}  // namespace
}  // namespace henb::keydist::domain
