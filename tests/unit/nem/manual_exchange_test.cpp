// The RA/CA is offline: requests leave in a folder, certificates come back in one.
#include "henb-x2sec/nem/manual_exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <filesystem>

#include "common/file.h"
#include "henb-x2sec/nem/lifecycle.h"
#include "tests/support/temp_directory.h"
#include "tests/support/test_pki.h"

namespace henb::tests {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using x2sec::nem::DeviceList;
using x2sec::nem::Request;
using x2sec::nem::RequestState;

class NemManual : public ::testing::Test {
 protected:
  void Add(const std::string& name) {
    const std::shared_ptr<EVP_PKEY> key(NewKey().release(), EVP_PKEY_free);
    const auto id = common::HenbId::Parse(name).value();
    const auto pkcs10 = x2sec::enrol::ParsePkcs10(x2sec::enrol::MakePkcs10(id, key).value()).value();
    ASSERT_TRUE(store->Put(x2sec::nem::Admit(pkcs10, {}, now).value().back()).ok());
  }
  auto Export() { return x2sec::nem::ExportRequests(*store, devices, out, now).value(); }
  auto Import() { return x2sec::nem::ImportCertificates(*store, devices, in, {root.certificate()}, now).value(); }
  /// What an operator's CA makes of a .csr file.
  common::Certificate Sign(const std::string& csr, const std::string& name, const TestAuthority& by) {
    const std::string pem = common::ReadFile(out + "/" + csr).value();
    const OpensslPtr<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    const std::unique_ptr<X509_REQ, decltype(&X509_REQ_free)> request(
        PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr), X509_REQ_free);
    return by.IssueFor({.subject = "/CN=" + name, .dns_names = {name}}, X509_REQ_get0_pubkey(request.get()));
  }
  void Put(const std::string& file, const std::string& content) {
    ASSERT_TRUE(common::MakeDirectories(in).ok());
    ASSERT_TRUE(common::WriteFileAtomically(in + "/" + file, content).ok());
  }
  RequestState StateOf(std::size_t number) { return store->All().value().at(number).state; }

  TempDirectory directory;
  absl::Time now = absl::Now();
  std::string out = directory.File("out");
  std::string in = directory.File("in");
  std::unique_ptr<x2sec::nem::RequestStore> store =
      x2sec::nem::RequestStore::Open(directory.File("requests.db")).value();
  DeviceList devices = DeviceList::Parse("henb-a.example\nhenb-b.example\n").value();
  TestAuthority root = TestAuthority::Root("/O=Operator 1/CN=Root");
  TestAuthority ca = root.Subordinate("/O=Operator 1/CN=CA");
};

TEST_F(NemManual, R39RequestsGoOutAndCertificatesComeIn) {
  Add("henb-a.example");
  Add("henb-b.example");
  const auto exported = Export();
  ASSERT_THAT(exported, SizeIs(2));
  EXPECT_THAT(exported[0].file, HasSubstr("henb-a.example-"));
  EXPECT_EQ(StateOf(0), RequestState::kExported);
  EXPECT_THAT(store->Due(RequestState::kPending, now, 10).value(), IsEmpty()) << "no batch asks for them";
  EXPECT_THAT(Export(), IsEmpty()) << "nothing goes out twice";

  Put("ca.pem", ca.certificate().pem());
  Put("a.pem", Sign(exported[0].file, "henb-a.example", ca).pem());
  Put("b.cer", Sign(exported[1].file, "henb-b.example", ca).der());
  for (const auto& item : Import()) EXPECT_TRUE(item.status.ok()) << item.file << ": " << item.status;
  EXPECT_EQ(StateOf(0), RequestState::kIssued);
  EXPECT_EQ(StateOf(1), RequestState::kIssued);
  EXPECT_THAT(store->All().value().at(0).chain, SizeIs(2)) << "with the intermediate";
}

TEST_F(NemManual, OneBadCertificateLeavesTheOthersUntouched) {
  Add("henb-a.example");
  Add("henb-b.example");
  const auto exported = Export();
  const TestAuthority other = TestAuthority::Root("/O=Operator 1/CN=Root");
  Put("1-untrusted.pem", Sign(exported[0].file, "henb-a.example", other).pem());
  Put("2-good.pem", Sign(exported[1].file, "henb-b.example", root).pem());
  Put("3-nobodys.pem", root.IssueHenb("henb-a.example").certificate.pem());
  Put("4-garbage.pem", "garbage");
  const auto imported = Import();
  ASSERT_THAT(imported, SizeIs(4));
  EXPECT_THAT(std::string(imported[0].status.message()), HasSubstr("cmp.untrusted_path"));
  EXPECT_TRUE(imported[1].status.ok()) << imported[1].status;
  EXPECT_EQ(imported[2].status.code(), StatusCode::kNotFound);
  EXPECT_FALSE(imported[3].status.ok());
  EXPECT_EQ(StateOf(0), RequestState::kExported);
  EXPECT_EQ(StateOf(1), RequestState::kIssued);
}

TEST_F(NemManual, ACertificateForAnotherNameIsNotTaken) {
  Add("henb-a.example");
  const auto exported = Export();
  Put("a.pem", Sign(exported[0].file, "henb-b.example", root).pem());
  EXPECT_THAT(std::string(Import().at(0).status.message()), HasSubstr("cmp.other_subject"));
}

TEST_F(NemManual, ADeviceThatLeftTheListStays) {
  Add("henb-a.example");
  devices = DeviceList::Parse("henb-b.example\n").value();
  EXPECT_EQ(Export().at(0).status.code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(StateOf(0), RequestState::kPending);
}

TEST_F(NemManual, WhatWasExportedCanWaitForTheRaAgain) {
  Add("henb-a.example");
  (void)Export();
  const std::string id = store->All().value().at(0).id;
  EXPECT_TRUE(x2sec::nem::RetryRequest(*store, id, now).ok());
  EXPECT_EQ(StateOf(0), RequestState::kPending);
  EXPECT_EQ(x2sec::nem::RetryRequest(*store, id, now).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(x2sec::nem::RetryRequest(*store, "x", now).code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace henb::tests
