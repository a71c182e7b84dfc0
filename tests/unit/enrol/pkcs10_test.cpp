// The device's PKCS#10: what is made, and what is refused where it comes from outside.
#include "henb-x2sec/enrol/pkcs10.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "henb-x2sec/device_key/store_backed_key.h"
#include "henb-x2sec/enrol/distinguished_name.h"
#include "tests/support/fake_certificate_store.h"
#include "tests/support/test_pki.h"

namespace henb::tests {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;
using x2sec::enrol::MakePkcs10;
using x2sec::enrol::ParsePkcs10;
using x2sec::enrol::Pkcs10;

const common::HenbId& Device() {
  static const common::HenbId id = common::HenbId::Parse("henb-a.example").value();
  return id;
}

/// A request in the shape that each test bends.
struct Draft {
  std::shared_ptr<EVP_PKEY> key{NewKey().release(), EVP_PKEY_free};
  std::string subject = "/CN=henb-a.example";
  std::string names = "DNS:henb-a.example";
  std::string basic_constraints{};
  std::string challenge{};
  const EVP_MD* digest = EVP_sha256();

  [[nodiscard]] std::string Der() const {
    const std::unique_ptr<X509_REQ, decltype(&X509_REQ_free)> request(X509_REQ_new(), X509_REQ_free);
    X509_REQ_set_subject_name(request.get(), ParseName(subject).get());
    X509_REQ_set_pubkey(request.get(), key.get());
    STACK_OF(X509_EXTENSION)* extensions = sk_X509_EXTENSION_new_null();
    const auto add = [&](int nid, const std::string& value) {
      if (!value.empty()) sk_X509_EXTENSION_push(extensions, X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str()));
    };
    add(NID_subject_alt_name, names);
    add(NID_basic_constraints, basic_constraints);
    if (sk_X509_EXTENSION_num(extensions) > 0) X509_REQ_add_extensions(request.get(), extensions);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    if (!challenge.empty()) {
      X509_REQ_add1_attr_by_NID(request.get(), NID_pkcs9_challengePassword, MBSTRING_ASC,
                                reinterpret_cast<const unsigned char*>(challenge.data()),
                                static_cast<int>(challenge.size()));
    }
    X509_REQ_sign(request.get(), key.get(), digest);
    unsigned char* der = nullptr;
    const int size = i2d_X509_REQ(request.get(), &der);
    std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return out;
  }
};

std::string RefusalOf(const std::string& der) {
  const absl::StatusOr<Pkcs10> parsed = ParsePkcs10(der);
  if (parsed.ok()) return "taken";
  EXPECT_EQ(parsed.status().code(), StatusCode::kInvalidArgument);
  return std::string(parsed.status().message());
}

TEST(Pkcs10, R33IsSignedByAKeyThatStaysInItsStore) {
  FakeCertificateStore store;
  const std::string ckaid = store.GenerateKey().value();
  const auto key = x2sec::device_key::MakeStoreBackedKey(store, ckaid).value();
  const absl::StatusOr<std::string> der = MakePkcs10(Device(), key);
  ASSERT_TRUE(der.ok()) << der.status();
  const absl::StatusOr<Pkcs10> parsed = ParsePkcs10(*der);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->identity, Device());
  EXPECT_EQ(parsed->der, *der);
  EXPECT_EQ(parsed->id().size(), 64U);
  EXPECT_EQ(EVP_PKEY_eq(parsed->public_key.get(), key.get()), 1);
}

TEST(Pkcs10, ALongIdentityHasItsLabelsAsSubject) {
  const common::HenbId id = common::HenbId::Parse(std::string(60, 'a') + ".site-12.example").value();
  const std::shared_ptr<EVP_PKEY> key(NewKey().release(), EVP_PKEY_free);
  EXPECT_EQ(ParsePkcs10(MakePkcs10(id, key).value()).value().identity, id);
}

TEST(Pkcs10, TheDraftOfTheseTestsIsTaken) {
  EXPECT_EQ(RefusalOf(Draft().Der()), "taken");
  Draft rsa;
  rsa.key.reset(NewKey(KeyKind::kRsa2048).release(), EVP_PKEY_free);
  EXPECT_EQ(RefusalOf(rsa.Der()), "taken");
}

TEST(Pkcs10, R39AForgedProofOfPossessionIsRefused) {
  // Another key than the one that signs: the SubjectPublicKeyInfo of one request in the other's place.
  const std::string mine = Draft().Der();
  const std::string other = Draft().Der();
  const auto point = [](const std::string& der) { return der.find(std::string("\x03\x42\x00\x04", 4)); };
  ASSERT_NE(point(mine), std::string::npos);
  std::string forged = mine;
  forged.replace(point(mine), 68, other, point(other), 68);
  EXPECT_THAT(RefusalOf(forged), HasSubstr("signature is not by its key"));
}

TEST(Pkcs10, R31ShaOneIsRefused) {
  EXPECT_THAT(RefusalOf(Draft{.digest = EVP_sha1()}.Der()), HasSubstr("not signed with SHA-2"));
}

TEST(Pkcs10, WeakAndHugeKeysAreRefused) {
  for (const unsigned bits : {1024U, 5120U}) {
    Draft draft;
    draft.key.reset(EVP_RSA_gen(bits), EVP_PKEY_free);
    EXPECT_THAT(RefusalOf(draft.Der()), HasSubstr("RSA of 2048 to 4096 bits")) << bits;
  }
  Draft curve;
  curve.key.reset(EVP_EC_gen("secp256k1"), EVP_PKEY_free);
  EXPECT_THAT(RefusalOf(curve.Der()), HasSubstr("P-256"));
}

TEST(Pkcs10, AsksForOneNameAndNothingElse) {
  EXPECT_THAT(RefusalOf(Draft{.names = "DNS:henb-a.example,DNS:henb-b.example"}.Der()), HasSubstr("one dNSName"));
  EXPECT_THAT(RefusalOf(Draft{.names = "IP:10.0.0.1"}.Der()), HasSubstr("one dNSName"));
  EXPECT_THAT(RefusalOf(Draft{.names = "DNS:*.example"}.Der()), HasSubstr("dNSName"));
  EXPECT_THAT(RefusalOf(Draft{.names = ""}.Der()), HasSubstr("attribute"));
  EXPECT_THAT(RefusalOf(Draft{.basic_constraints = "CA:TRUE"}.Der()), HasSubstr("other extensions"));
  EXPECT_THAT(RefusalOf(Draft{.challenge = "secret"}.Der()), HasSubstr("one attribute"));
  EXPECT_THAT(RefusalOf(Draft{.subject = "/CN=henb-b.example"}.Der()), HasSubstr("subject"));
}

TEST(Pkcs10, WhatIsNoRequestIsRefused) {
  const std::string good = Draft().Der();
  EXPECT_THAT(RefusalOf(""), HasSubstr("no PKCS#10"));
  EXPECT_THAT(RefusalOf(good.substr(0, good.size() - 1)), HasSubstr("no PKCS#10"));
  EXPECT_THAT(RefusalOf(good + "x"), HasSubstr("octets follow"));
  EXPECT_THAT(RefusalOf(std::string(Pkcs10::kMostOctets + 1, 'x')), HasSubstr("more than 8192 octets"));
}

}  // namespace
}  // namespace henb::tests
