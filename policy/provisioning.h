// Provisioning data: what a device is given on site before it enrols (step 0; R37, R66).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/certificate.h"
#include "common/digest.h"
#include "common/henb_id.h"
#include "policy/cms.h"
#include "policy/enrolment.h"
#include "policy/enrolment_seg.h"

namespace henb::policy {

/// For one device. A value.
struct Provisioning {
  static constexpr std::uint64_t kSchema = 1;
  common::HenbId device;
  std::string operator_name;
  std::uint64_t serial = 0;                         ///< Only goes up.
  absl::Time not_after;                             ///< It must have been applied by then.
  std::vector<common::Certificate> operator_roots;  ///< Self-signed CAs.
  std::optional<Enrolment> enrolment;               ///< Holds until a policy is in force.
  std::vector<EnrolmentSeg> segs;                   ///< In the order in which they are tried.
  std::optional<common::Sha256Digest> credential;   ///< Digest of the envelope with the symmetric credential.
  std::string policy;                               ///< A first policy, CMS in DER; or empty.
};

/// Reads and judges its JSON: at most 1 MiB. InvalidArgument "enrolment_segs[1].address: …" names the first wrong
/// field.
[[nodiscard]] absl::StatusOr<Provisioning> LoadProvisioning(std::string_view json);

/// What `x2policy provision make` is given beside the JSON, and puts into it.
struct ProvisioningExtras {
  std::vector<common::Certificate> operator_roots;
  std::string policy;  ///< CMS, DER.
  std::optional<common::Sha256Digest> credential;
};
/// The JSON with the extras in it. InvalidArgument: a field that the JSON has already, or one that LoadProvisioning
/// refuses.
[[nodiscard]] absl::StatusOr<std::string> CompleteProvisioning(std::string_view json, const ProvisioningExtras& extras);

struct AcceptedProvisioning {
  Provisioning data;
  std::string json;
  common::Sha256Digest sha256;  ///< Of the JSON.
  SignerInfo signer;
  std::string credential;  ///< The envelope, DER; empty: none, or spent.
};

/// Verify → read → judge → device → operator → (`check_time`) date → the credential is the one whose digest was signed.
/// An envelope may be missing where `credential_spent`. InvalidArgument: not such a CMS, or a field of it;
/// PermissionDenied: signature, signer, operator or device; FailedPrecondition: past its date.
[[nodiscard]] absl::StatusOr<AcceptedProvisioning> AcceptProvisioning(std::string_view cms_der,
                                                                      const SignatureExpectation& expected,
                                                                      bool credential_spent);

}  // namespace henb::policy
