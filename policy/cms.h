// The signature of policies and provisioning data: CMS SignedData (RFC 5652) by the operator's configuration key (R37,
// R56). OpenSSL stays behind this header.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/certificate.h"
#include "common/henb_id.h"
#include "common/secret_bytes.h"

namespace henb::policy {

/// Who a signed policy or provisioning data must be meant for and signed by.
struct SignatureExpectation {
  std::vector<common::Certificate> vendor_roots;  ///< Trust anchors, self-signed; intermediates come in the CMS.
  common::HenbId device;                          ///< Must be in the signer's authorisedDevices.
  std::string operator_name;                      ///< Must be the signer's operator. Provisioning: empty is any.
  absl::Time now;                                 ///< For the validity of certificates.
  bool check_time = true;                         ///< False: a policy that was taken before, after a restart.
};

struct SignerInfo {
  std::string subject;
  std::string serial_hex;
  std::string operator_name;
  std::vector<std::string> devices;  ///< authorisedDevices as written.
  std::string digest;                ///< "SHA256"…
  absl::Time not_after;
};

struct VerifiedPolicy {
  std::string json;
  SignerInfo signer;
};

/// Verifies attached SignedData: exactly one signer, SHA-2 digest and signature, signed attributes with content type,
/// digest and nothing against them, a path of valid certificates to a vendor root (no partial chains), and a signer's
/// certificate with the configurationSigner EKU, an authorisedDevices extension that names `device`, and an operator
/// extension that is `operator_name` (docs/oids.md). InvalidArgument: not such a CMS; PermissionDenied: signed, but not
/// by one who may, or altered. At most 4 MiB. Any thread.
[[nodiscard]] absl::StatusOr<VerifiedPolicy> VerifyPolicy(std::string_view cms_der,
                                                          const SignatureExpectation& expected);

struct VerifiedProvisioning {
  std::string json;
  SignerInfo signer;
  std::string credential;  ///< The envelope that came with it, DER; not signed: the JSON holds its digest. Or empty.
};

/// The same for provisioning data, whose content type is its own (docs/oids.md).
[[nodiscard]] absl::StatusOr<VerifiedProvisioning> VerifyProvisioning(std::string_view cms_der,
                                                                      const SignatureExpectation& expected);

/// Signs as VerifyPolicy wants it, with SHA-256. `chain`: intermediates up to the vendor root, put into the CMS.
/// InvalidArgument when key and certificate do not belong together or the certificate lacks what a configuration signer
/// needs. The passphrase-less key is PEM (PKCS#8 or traditional).
[[nodiscard]] absl::StatusOr<std::string> SignPolicy(std::string_view json, const common::Certificate& signer,
                                                     const common::SecretBytes& key_pem,
                                                     const std::vector<common::Certificate>& chain);

/// The same for provisioning data; `credential` goes into an unsigned attribute, none where it is empty.
[[nodiscard]] absl::StatusOr<std::string> SignProvisioning(std::string_view json, const common::Certificate& signer,
                                                           const common::SecretBytes& key_pem,
                                                           const std::vector<common::Certificate>& chain,
                                                           std::string_view credential);
/// Provisioning data as it was, its credential left out; the signature holds on.
[[nodiscard]] absl::StatusOr<std::string> WithoutCredential(std::string_view cms_der);

/// The content of attached SignedData, its signature not looked at: for showing, never for applying.
[[nodiscard]] absl::StatusOr<std::string> UnverifiedContent(std::string_view cms_der);
[[nodiscard]] absl::StatusOr<std::string> UnverifiedProvisioning(std::string_view cms_der);
/// Whether the octets look like DER (a SEQUENCE) and not like JSON.
[[nodiscard]] bool LooksLikeDer(std::string_view octets);

}  // namespace henb::policy
