#include "henb-x2sec/app/credentials/provisioner.h"

#include <utility>

#include "common/log.h"
#include "common/status.h"
#include "policy/envelope.h"

namespace henb::x2sec::app {
namespace {

using common::StrCat;

/// What is wrong with something in the file is wrong with the file.
absl::Status InFile(const absl::Status& status, std::string_view field) {
  if (status.ok()) return status;
  return absl::InvalidArgumentError(StrCat(field, ": ", common::ToStd(status.message())));
}

}  // namespace

std::vector<OperatorRoot> RootsOf(const policy::AcceptedProvisioning* provisioned) {
  std::vector<OperatorRoot> out;
  if (provisioned == nullptr) return out;
  for (const common::Certificate& root : provisioned->data.operator_roots)
    out.push_back({root, std::string(core::NameOf(core::RootSource::kProvisioned)), absl::InfinitePast()});
  return out;
}

absl::Status Provisioner::CheckCredential(const policy::AcceptedProvisioning& accepted) const {
  if (accepted.credential.empty() || !parts_.open) return absl::OkStatus();
  const Credential& vendor = parts_.credentials.vendor();
  const auto secret = parts_.open(accepted.credential, vendor.certificate, vendor.ckaid);
  RETURN_IF_ERROR(InFile(secret.status(), "credential_sha256"));
  return InFile(policy::CheckMacSecret(*secret), "credential_sha256");
}

absl::Status Provisioner::CheckPolicy(const policy::AcceptedProvisioning& accepted) {
  if (accepted.data.policy.empty()) return absl::OkStatus();
  const std::string before = parts_.policy.operator_name();
  parts_.policy.set_operator_name(accepted.data.operator_name);
  const absl::Status judged = parts_.policy.Push(accepted.data.policy, /*dry_run=*/true, "provisioning").status();
  parts_.policy.set_operator_name(before);
  return InFile(judged, "policy");
}

absl::StatusOr<control::ProvisionResult> Provisioner::Take(std::string_view cms_der) {
  const auto refused = [](const absl::Status& why) {
    common::LogAlarm("provisioning.refused", {{"error", why}});
    return why;
  };
  const absl::StatusOr<policy::JudgedProvisioning> judged = parts_.store.Judge(cms_der);
  if (!judged.ok()) return refused(judged.status());
  const policy::AcceptedProvisioning& accepted = *judged->accepted;
  control::ProvisionResult result{.serial = accepted.data.serial,
                                  .operator_name = accepted.data.operator_name,
                                  .sha256 = accepted.sha256.ToHex(),
                                  .unchanged = judged->unchanged,
                                  .operator_roots = accepted.data.operator_roots.size(),
                                  .enrolment_segs = accepted.data.segs.size(),
                                  .credential = !accepted.credential.empty()};
  if (judged->unchanged) return result;
  if (const absl::Status fits = CheckCredential(accepted); !fits.ok()) return refused(fits);
  if (const absl::Status fits = CheckPolicy(accepted); !fits.ok()) return refused(fits);
  if (const absl::Status kept = parts_.store.Keep(*judged); !kept.ok()) return refused(kept);
  common::LogInfo("provisioning.applied", {{"serial", accepted.data.serial},
                                           {"operator", accepted.data.operator_name},
                                           {"signer", accepted.signer.subject},
                                           {"credential", result.credential}});
  PutInForce(accepted);
  return result;
}

void Provisioner::PutInForce(const policy::AcceptedProvisioning& accepted) {
  parts_.policy.set_operator_name(accepted.data.operator_name);
  parts_.credentials.SetProvisionedRoots(RootsOf(&accepted));
  if (!accepted.data.policy.empty()) {
    const auto pushed = parts_.policy.Push(accepted.data.policy, /*dry_run=*/false, "provisioning");
    if (!pushed.ok()) common::LogAlarm("policy.refused", {{"error", pushed.status()}});
  }
  parts_.in_force();
}

void Provisioner::Resume() {
  const auto held = parts_.store.current();
  if (held == nullptr || held->data.policy.empty()) return;
  // Older than the policy in force, or over, in most cases: nothing to say about that.
  if (!parts_.policy.Push(held->data.policy, /*dry_run=*/true, "provisioning").ok()) return;
  const auto pushed = parts_.policy.Push(held->data.policy, /*dry_run=*/false, "provisioning");
  if (!pushed.ok()) common::LogAlarm("policy.refused", {{"error", pushed.status()}});
}

std::optional<MacSecretOpener> Provisioner::MacSecret() const {
  const auto held = parts_.store.current();
  if (held == nullptr || held->credential.empty() || !parts_.open) return std::nullopt;
  const Credential& vendor = parts_.credentials.vendor();
  return [open = parts_.open, envelope = held->credential, certificate = vendor.certificate, ckaid = vendor.ckaid] {
    return open(envelope, certificate, ckaid);
  };
}

}  // namespace henb::x2sec::app
