// The responder's own certificate and key, made on the device. pluto trusts it by name (ocsp-trustname).
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/certificate.h"

typedef struct evp_pkey_st EVP_PKEY;  // NOLINT(modernize-use-using): OpenSSL's own declaration

namespace henb::x2sec::ocspd {

struct Signer {
  common::Certificate certificate;
  std::shared_ptr<EVP_PKEY> key;
};

/// Makes a P-256 key and a self-signed certificate for OCSPSigning. AlreadyExists when one of the files is there: the
/// key that pluto trusts is not replaced.
[[nodiscard]] absl::Status MakeSigner(const std::string& certificate_path, const std::string& key_path, absl::Time now);

/// NotFound, InvalidArgument (not a key and its certificate) with the path.
[[nodiscard]] absl::StatusOr<Signer> LoadSigner(const std::string& certificate_path, const std::string& key_path);

}  // namespace henb::x2sec::ocspd
