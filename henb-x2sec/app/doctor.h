// What is wrong with this box, and what to do about it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "henb-x2sec/app/config/config.h"
#include "henb-x2sec/app/credentials/credentials.h"
#include "henb-x2sec/app/revocation/revocation_view.h"
#include "henb-x2sec/control/views.h"
#include "henb-x2sec/core/ports/ike_daemon.h"
#include "henb-x2sec/core/ports/kernel_ipsec.h"
#include "policy/policy.h"

namespace henb::x2sec::app {

/// What is to be seen of the token from here and from pluto.
struct TokenView {
  absl::Status usable;           ///< Of its keys' listing.
  absl::Status registered;       ///< The module, in the NSS database's list.
  std::optional<bool> in_pluto;  ///< The running pluto has loaded the module; none: pluto can't be looked at.
  absl::Status pin_for_pluto;    ///< pluto's own file has the PIN.
};

/// Everything the checks look at, gathered by the daemon.
struct BackhaulMoveView {
  int reqid = 0;         ///< Of the new connection.
  std::string problem;   ///< Why the old one carries; empty when the new one does.
  bool expected = true;  ///< There is an operator certificate.
};

struct DoctorInputs {
  const Config& config;
  const Credentials& credentials;
  absl::Time now;
  absl::Time clock_floor;
  absl::StatusOr<std::string> pluto_version;
  absl::StatusOr<core::KernelSnapshot> kernel;
  bool guard_in_place = false;
  std::optional<BackhaulMoveView> backhaul_move{};  ///< Where the backhaul is to be moved.
  RevocationView revocation{};
  std::optional<TokenView> token{};            ///< Where keys are in one.
  std::optional<std::string> policy_problem;   ///< No policy, or one out of force.
  std::optional<std::string> keydist_problem;  ///< Only when a rule lists PSK.
  std::string secrets_include_hint;            ///< Where ipsec.secrets would include our file from.
  absl::Status secrets_place;                  ///< common::RequireMemoryFileSystem of the secrets file's folder.
};

/// Why no new link comes up for want of a policy (`in_force` null: there is none); none when it is within its dates.
/// Pure.
[[nodiscard]] std::optional<std::string> PolicyProblem(const policy::Policy* in_force, absl::Time now);

/// Findings by stable names: pluto.running, pluto.version, guard.table, guard.belt, backhaul.reqid, backhaul.up,
/// backhaul.certificate, clock.floor, credentials.vendor, credentials.operator, credentials.subjects,
/// credentials.key_store, token.usable, token.in_pluto, token.pin_for_pluto, secrets.memory, policy.in_force,
/// keydist.reachable, and those of CheckRevocation. Pure.
[[nodiscard]] std::vector<control::DoctorFinding> Diagnose(const DoctorInputs& inputs);

}  // namespace henb::x2sec::app
