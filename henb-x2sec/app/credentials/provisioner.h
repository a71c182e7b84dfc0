// Takes provisioning data (R37): judged as a whole, kept, then in force.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/secret_bytes.h"
#include "henb-x2sec/app/credentials/credentials.h"
#include "henb-x2sec/control/provision_view.h"
#include "policy/policy_store.h"
#include "policy/provisioning_store.h"

namespace henb::x2sec::app {

/// Opens an envelope with the vendor key. Any thread.
using EnvelopeOpener = std::function<absl::StatusOr<common::SecretBytes>(
    const std::string& der, const common::Certificate& device, const std::string& ckaid)>;
/// Opens the symmetric credential that was at hand when it was made. Any thread.
using MacSecretOpener = std::function<absl::StatusOr<common::SecretBytes>()>;

/// Loop thread. What it borrows outlives it.
class Provisioner {
 public:
  struct Parts {
    policy::ProvisioningStore& store;
    policy::PolicyStore& policy;
    Credentials& credentials;
    EnvelopeOpener open;             ///< None: built or configured without CMP or IPsec.
    std::function<void()> in_force;  ///< Roots, terms, SEGs or policy have changed.
  };
  explicit Provisioner(Parts parts) : parts_(std::move(parts)) {}

  /// InvalidArgument with the place for whatever is wrong, also of the policy or the credential in it; then nothing has
  /// changed. Disk errors as they come.
  [[nodiscard]] absl::StatusOr<control::ProvisionResult> Take(std::string_view cms_der);
  /// At start: the policy of data that were kept just before the power went.
  void Resume();

  /// The symmetric credential, while it is unspent; none else.
  [[nodiscard]] std::optional<MacSecretOpener> MacSecret() const;
  [[nodiscard]] bool HasMacSecret() const { return MacSecret().has_value(); }
  /// Any thread.
  [[nodiscard]] absl::Status SpendMacSecret() { return parts_.store.Spend(); }

 private:
  [[nodiscard]] absl::Status CheckCredential(const policy::AcceptedProvisioning& accepted) const;
  [[nodiscard]] absl::Status CheckPolicy(const policy::AcceptedProvisioning& accepted);
  void PutInForce(const policy::AcceptedProvisioning& accepted);
  Parts parts_;
};

/// Its roots, as the device's credentials have them.
[[nodiscard]] std::vector<OperatorRoot> RootsOf(const policy::AcceptedProvisioning* provisioned);

}  // namespace henb::x2sec::app
