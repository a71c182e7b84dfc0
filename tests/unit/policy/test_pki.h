// Certificates and CMS of every wrong sort, made in memory.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/certificate.h"
#include "common/secret_bytes.h"

namespace henb::policy::test {

using Key = std::shared_ptr<EVP_PKEY>;

struct Holder {
  common::Certificate certificate;
  Key key;
  [[nodiscard]] common::SecretBytes KeyPem() const;
};

struct CertificateWish {
  std::string name = "Signer";
  bool ca = false;
  bool configuration_eku = true;
  std::vector<std::string> other_ekus;                         // OpenSSL's names or dotted.
  std::vector<std::string> devices = {"henb-a.site.example"};  // Empty: no extension.
  std::string devices_value;                                   // OpenSSL's notation, instead of `devices`.
  std::string operator_name = "operator.example";              // Empty: no extension.
  std::string dns;
  std::string key_usage = "critical,digitalSignature";
  absl::Time not_before = absl::FromUnixSeconds(1'700'000'000);
  absl::Time not_after = absl::FromUnixSeconds(1'900'000'000);
  bool sha1 = false;
};

/// A new P-256 key each. `issuer` null: self-signed.
[[nodiscard]] Holder Issue(const CertificateWish& wish, const Holder* issuer);
[[nodiscard]] Holder MakeRoot(const std::string& name);

struct SignWish {
  const char* digest = "SHA256";
  bool attributes = true;
  bool detached = false;
  std::vector<const Holder*> more_signers;
  std::vector<common::Certificate> chain;
};

/// CMS SignedData as wished, DER.
[[nodiscard]] std::string SignCms(std::string_view content, const Holder& signer, const SignWish& wish = {});

}  // namespace henb::policy::test
