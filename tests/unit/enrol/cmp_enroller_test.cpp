// Enrolment against a real RA/CA over HTTP on loopback.
#include "henb-x2sec/enrol/cmp_enroller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/file.h"
#include "henb-x2sec/nss/nss_certificate_store.h"
#include "tests/support/nss_database.h"
#include "tests/support/soft_token.h"
#include "tests/unit/enrol/enrol_scene.h"

namespace henb::tests {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::string MessageOf(const absl::StatusOr<x2sec::core::Enrolled>& result) {
  return std::string(result.status().message());
}

TEST(CmpEnroller, R25R26R28EnrolsWithAKeyThatStaysInItsStore) {
  EnrolScene scene;
  const auto enrolled = scene.Enrol();
  ASSERT_TRUE(enrolled.ok()) << enrolled.status();
  EXPECT_TRUE(enrolled->private_key_pkcs8.empty());
  EXPECT_EQ(enrolled->certificate.Identity().value().str(), "henb-a.example");
  EXPECT_EQ(enrolled->anchor.der(), scene.operator_root.certificate().der());
  ASSERT_THAT(enrolled->intermediates, SizeIs(1));
  EXPECT_EQ(enrolled->intermediates[0].der(), scene.operator_ca.certificate().der());
  const auto keys = scene.store().Keys().value();
  ASSERT_THAT(keys, SizeIs(1));
  EXPECT_EQ(keys[0].ckaid, enrolled->ckaid);
  EXPECT_EQ(keys[0].certificate.der(), enrolled->certificate.der());
  const auto entries = scene.ledger().Entries();
  ASSERT_THAT(entries, SizeIs(1));
  EXPECT_EQ(entries[0].state, CertificateState::kConfirmed);
  EXPECT_EQ(entries[0].serial, enrolled->certificate.serial_hex());
  EXPECT_TRUE(absl::IsNotFound(common::ReadFile(scene.state_path()).status())) << "no state is left";
}

TEST(CmpEnroller, R33EnrolsWithBothKeysInARealNssDatabase) {
  for (const KeyKind kind : {KeyKind::kP256, KeyKind::kP384, KeyKind::kRsa2048}) {
    EnrolScene scene;
    scene.device = scene.vendor_sub.IssueHenb("henb-a.example", kind);
    const NssDatabase database;
    const auto store = x2sec::nss::NssCertificateStore::Open(database.path()).value();
    ASSERT_TRUE(store->ImportKey(Pkcs8Of(scene.device.key.get()), scene.device.certificate).ok());
    x2sec::enrol::StoredSigningKey vendor_key(*store);
    x2sec::enrol::CmpEnroller enroller({*store, vendor_key, *scene.clock, scene.state_path()});
    const auto enrolled = enroller.Enrol(scene.Request());
    ASSERT_TRUE(enrolled.ok()) << enrolled.status();
    EXPECT_THAT(database.Certutil({"-K"}), HasSubstr(enrolled->ckaid));
    EXPECT_THAT(store->Keys().value(), SizeIs(2));
    EXPECT_EQ(scene.ledger().CountLive(), 1);
  }
}

TEST(CmpEnroller, R33EnrolsWithBothKeysInATokenAndRenewsThere) {
  for (const KeyKind kind : {KeyKind::kP256, KeyKind::kRsa2048}) {
    EnrolScene scene;
    scene.device = scene.vendor_sub.IssueHenb("henb-a.example", kind);
    const NssDatabase database;
    const SoftToken token;
    token.Import(scene.device.key.get());
    const auto store = x2sec::nss::NssCertificateStore::Open(database.path(), {}, token.Settings()).value();
    ASSERT_TRUE(store->ImportCertificate(scene.device.certificate).ok());
    x2sec::enrol::StoredSigningKey vendor_key(*store);
    x2sec::enrol::CmpEnroller enroller({*store, vendor_key, *scene.clock, scene.state_path()});
    const auto enrolled = enroller.Enrol(scene.Request());
    ASSERT_TRUE(enrolled.ok()) << enrolled.status();
    ASSERT_TRUE(enroller.Kept().ok());
    auto renewal = scene.Request();
    renewal.current_chain = {enrolled->certificate};
    for (const auto& each : enrolled->intermediates) renewal.current_chain.push_back(each);
    const auto renewed = enroller.Enrol(renewal);
    ASSERT_TRUE(renewed.ok()) << renewed.status();
    EXPECT_NE(renewed->ckaid, enrolled->ckaid);
    ASSERT_TRUE(store->DeleteKey(enrolled->ckaid).ok());
    EXPECT_THAT(store->Keys().value(), SizeIs(2)) << "the vendor's and the new one";
    EXPECT_THAT(database.Certutil({"-K"}), HasSubstr("no keys found"));
  }
}

TEST(CmpEnroller, EachEnrolmentHasItsOwnKeyAndTransaction) {
  EnrolScene scene;
  ASSERT_TRUE(scene.Enrol().ok());
  ASSERT_TRUE(scene.Enrol().ok());
  const auto entries = scene.ledger().Entries();
  ASSERT_THAT(entries, SizeIs(2));
  EXPECT_NE(entries[0].spki, entries[1].spki);
  EXPECT_NE(entries[0].transaction, entries[1].transaction);
}

TEST(CmpEnroller, ADeviceOfAnotherVendorIsRefused) {
  EnrolScene scene;
  const TestAuthority other = TestAuthority::Root("/O=Vendor 2/CN=Vendor 2 Root");
  scene.device = other.IssueHenb("henb-a.example");
  auto request = scene.Request();
  request.vendor_chain = {scene.device.certificate};
  const auto refused = scene.Enrol(request);
  EXPECT_EQ(refused.status().code(), StatusCode::kPermissionDenied);
  EXPECT_THAT(MessageOf(refused), StartsWith("cmp.refused: "));
  EXPECT_THAT(scene.ledger().Entries(), IsEmpty());
}

TEST(CmpEnroller, ADeviceThatIsNotOnTheListIsRefused) {
  EnrolScene scene;
  scene.StartCa("", [](TestCaConfig* config) { config->devices = {"henb-b.example"}; });
  const auto refused = scene.Enrol();
  EXPECT_EQ(refused.status().code(), StatusCode::kPermissionDenied);
  EXPECT_THAT(MessageOf(refused), StartsWith("cmp.refused: "));
  EXPECT_THAT(MessageOf(refused), HasSubstr("not on the list"));
}

TEST(CmpEnroller, AnswersOfAnotherRaOfTheSameCaAreRefused) {
  EnrolScene scene;
  auto request = scene.Request();
  request.recipient = "/O=Operator 1/CN=Other RA";
  EXPECT_THAT(MessageOf(scene.Enrol(request)), StartsWith("cmp.wrong_sender: "));
}

TEST(CmpEnroller, R27AnotherRootThanTheCasIsRefused) {
  EnrolScene scene;
  auto request = scene.Request();
  request.operator_roots = {TestAuthority::Root("/O=Operator 1/CN=Operator 1 Root").certificate()};
  EXPECT_THAT(MessageOf(scene.Enrol(request)), StartsWith("cmp.bad_protection: "));
}

TEST(CmpEnroller, AnRaThatIsNotThereIsUnavailable) {
  EnrolScene scene;
  const auto request = scene.Request();
  scene.StopCa();
  const auto failed = scene.Enrol(request);
  EXPECT_EQ(failed.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(MessageOf(failed), StartsWith("cmp.unreachable: "));
}

TEST(CmpEnroller, R29WithoutPkiConfOnlyWhereThePolicySaysSo) {
  EnrolScene scene;
  scene.StartCa("no-pkiconf");
  auto request = scene.Request();
  request.require_pkiconf = false;
  const auto enrolled = scene.Enrol(request);
  EXPECT_TRUE(enrolled.ok()) << enrolled.status();
  EXPECT_EQ(scene.ledger().CountLive(), 1);
}

TEST(CmpEnroller, R29ImplicitConfirmationOnlyByPolicyElseRevoked) {
  EnrolScene scene;
  const auto grant = [](TestCaConfig* config) { config->grant_implicit_confirm = true; };
  scene.StartCa("", grant);
  auto request = scene.Request();
  request.allow_implicit_confirm = true;
  EXPECT_TRUE(scene.Enrol(request).ok());
  EXPECT_EQ(scene.ledger().CountLive(), 1);
  scene.StartCa("other-subject", grant);
  request.server_url = scene.url();
  EXPECT_THAT(MessageOf(scene.Enrol(request)), StartsWith("cmp.other_subject: "));
  EXPECT_EQ(scene.ledger().CountLive(), 0) << "nobody was told by certConf: revoked by rr";
}

TEST(CmpEnroller, R34AfterALostPkiConfTheNextAttemptRevokesAndUsesTheSameKey) {
  EnrolScene scene;
  scene.StartCa("no-pkiconf", [&](TestCaConfig* config) { config->ledger_path = scene.state_path() + ".ledger"; });
  EXPECT_THAT(MessageOf(scene.Enrol()), StartsWith("cmp.no_pkiconf: "));
  const auto first = scene.ledger().Entries();
  ASSERT_THAT(first, SizeIs(1));
  // The same CA again, which keeps what it issued, and now confirms.
  scene.RepentCa();
  const auto enrolled = scene.Enrol();
  ASSERT_TRUE(enrolled.ok()) << enrolled.status();
  const auto entries = scene.ledger().Entries();
  ASSERT_THAT(entries, SizeIs(2));
  EXPECT_EQ(entries[0].state, CertificateState::kRevoked);
  EXPECT_EQ(entries[1].state, CertificateState::kConfirmed);
  EXPECT_EQ(entries[0].spki, entries[1].spki);
  EXPECT_THAT(scene.store().Keys().value(), SizeIs(1));
}

TEST(CmpEnroller, R34AfterALostIpTheSameKeyIsUsedAndTheUnconfirmedCertificateDies) {
  EnrolScene scene;
  scene.StartCa("no-ip", [](TestCaConfig* config) { config->confirm_timeout = absl::Milliseconds(300); });
  EXPECT_FALSE(scene.Enrol().ok());
  scene.RepentCa();
  ASSERT_TRUE(scene.Enrol().ok());
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  while (scene.ledger().CountLive() > 1 && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(20));
  const auto entries = scene.ledger().Entries();
  ASSERT_THAT(entries, SizeIs(2));
  EXPECT_EQ(entries[0].spki, entries[1].spki);
  EXPECT_EQ(entries[0].state, CertificateState::kRevoked);
  EXPECT_EQ(entries[0].reason, "never confirmed");
  EXPECT_EQ(entries[1].state, CertificateState::kConfirmed);
}

TEST(CmpEnroller, R34WhatTheCaConfirmedIsAnsweredAgainUntilItIsKept) {
  EnrolScene scene;
  const auto first = scene.Enrol(scene.Request(), /*kept=*/false);
  ASSERT_TRUE(first.ok()) << first.status();
  auto elsewhere = scene.Request();
  elsewhere.recipient = "/O=Operator 1/CN=Other RA";
  const auto again = scene.Enrol(elsewhere);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->certificate.der(), first->certificate.der());
  EXPECT_EQ(again->ckaid, first->ckaid);
  EXPECT_THAT(scene.ledger().Entries(), SizeIs(1)) << "nothing was asked of the CA";
  EXPECT_THAT(scene.store().Keys().value(), SizeIs(1));
  ASSERT_TRUE(scene.Enrol().ok());
  EXPECT_THAT(scene.ledger().Entries(), SizeIs(2)) << "now it is another enrolment";
}

TEST(CmpEnroller, R34TellsWhetherSomethingIsUnfinished) {
  EnrolScene scene;
  x2sec::enrol::EncodedSigningKey vendor_key(Pkcs8Of(scene.device.key.get()));
  x2sec::enrol::CmpEnroller enroller({scene.store(), vendor_key, *scene.clock, scene.state_path()});
  EXPECT_FALSE(enroller.Unfinished());
  ASSERT_TRUE(enroller.Enrol(scene.Request()).ok());
  EXPECT_TRUE(enroller.Unfinished());
  ASSERT_TRUE(enroller.Kept().ok());
  EXPECT_FALSE(enroller.Unfinished());
  EXPECT_TRUE(enroller.Kept().ok()) << "twice does no harm";
}

TEST(CmpEnroller, R34AKeyWhoseNameWasNeverNotedIsRemovedAndOtherPeoplesStays) {
  EnrolScene scene;
  const std::string foreign = scene.store().GenerateKey().value();
  x2sec::enrol::EnrolmentState state;
  state.phase = x2sec::enrol::EnrolmentState::Phase::kMakingKey;
  state.identity = scene.Request().identity;
  state.recipient = scene.ra_name;
  state.others = {foreign};
  ASSERT_TRUE(x2sec::enrol::EnrolmentStateFile(scene.state_path()).Save(state).ok());
  const std::string orphan = scene.store().GenerateKey().value();
  const auto enrolled = scene.Enrol();
  ASSERT_TRUE(enrolled.ok()) << enrolled.status();
  EXPECT_NE(enrolled->ckaid, orphan);
  EXPECT_THAT(scene.store().KeysWithoutCertificate().value(), ::testing::ElementsAre(foreign));
}

TEST(CmpEnroller, RefusesRequestsThatCanNotBe) {
  EnrolScene scene;
  const auto code = [&](const std::function<void(x2sec::core::EnrolRequest*)>& spoil) {
    auto request = scene.Request();
    spoil(&request);
    return scene.Enrol(request).status().code();
  };
  EXPECT_EQ(code([](auto* r) { r->server_url = "ftp://x"; }), StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](auto* r) { r->server_url = "https://x/"; }), StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](auto* r) { r->recipient = "RA"; }), StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](auto* r) { r->recipient = "/NOSUCH=RA"; }), StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](auto* r) { r->vendor_chain.clear(); }), StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](auto* r) { r->operator_roots.clear(); }), StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](auto* r) { r->identity = common::HenbId::Parse("henb-z.example").value(); }),
            StatusCode::kInvalidArgument);
  EXPECT_THAT(scene.ledger().Entries(), IsEmpty());
}

TEST(CmpEnroller, AVeryLongIdentityIsEnrolledToo) {
  EnrolScene scene;
  const std::string label(50, 'a');
  const std::string name = label + "." + label + "." + label + ".example";
  scene.device = scene.vendor_sub.Issue({.subject = "/O=Test/CN=long", .dns_names = {name}});
  auto request = scene.Request();
  request.identity = common::HenbId::Parse(name).value();
  const auto enrolled = scene.Enrol(request);
  EXPECT_TRUE(enrolled.ok()) << enrolled.status();
}

}  // namespace
}  // namespace henb::tests
