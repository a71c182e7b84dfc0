// The files of a HeNB: vendor certificate below a subordinate CA, its key, the roots.
#pragma once

#include <string>

#include "common/file.h"
#include "henb-x2sec/app/config/config.h"
#include "tests/support/fake_certificate_store.h"
#include "tests/support/temp_directory.h"
#include "tests/support/test_pki.h"

namespace henb::tests {

struct DeviceFiles {
  DeviceFiles() {
    config.id = *common::HenbId::Parse("henb-a.example");
    config.state_dir = directory.path();
    config.run_dir = directory.path();
    config.vendor_certificate = directory.File("vendor.pem");
    config.vendor_key = directory.File("vendor.key");
    config.vendor_root = directory.File("vendor-root.pem");
    config.operator_root = directory.File("operator-root.pem");
    Write(config.vendor_root, vendor_root.certificate().pem());
    Write(*config.operator_root, operator_root.certificate().pem());
    WriteVendor({.subject = "/O=Vendor 1/CN=henb-a.example", .dns_names = {"henb-a.example"}});
  }

  void WriteVendor(const CertificateSpec& spec, KeyKind kind = KeyKind::kP256) {
    vendor = vendor_ca.Issue(spec, kind);
    Write(config.vendor_certificate, vendor.certificate.pem() + vendor_ca.certificate().pem());
    Write(config.vendor_key, PemOf(vendor.key.get()));
  }

  TempDirectory directory;
  TestAuthority vendor_root = TestAuthority::Root("/O=Vendor 1/CN=Vendor 1 root");
  TestAuthority vendor_ca = vendor_root.Subordinate("/O=Vendor 1/CN=Vendor 1 devices");
  TestAuthority operator_root = TestAuthority::Root("/O=Operator/CN=Operator root");
  TestCredential vendor = vendor_ca.IssueHenb("henb-a.example");
  x2sec::app::Config config;

 private:
  static void Write(const std::string& path, const std::string& text) {
    if (!common::WriteFileAtomically(path, text).ok()) std::abort();
  }
};

}  // namespace henb::tests
