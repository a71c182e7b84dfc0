// Configuration of x2secd: docs/configuration.md.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/henb_id.h"
#include "common/ip_address.h"
#include "common/log.h"
#include "henb-x2sec/app/config/backhaul_move_config.h"
#include "henb-x2sec/app/config/enrolment_seg.h"
#include "henb-x2sec/app/config/revocation_config.h"
#include "henb-x2sec/app/config/token_config.h"
#include "henb-x2sec/core/ports/kernel_ipsec.h"
#include "policy/policy.h"

namespace henb::x2sec::app {

struct Config {
  common::HenbId id;
  std::string state_dir = "/var/lib/henb-x2sec";
  std::string run_dir = "/run/henb-x2sec";
  std::optional<std::uint32_t> csg_id;
  std::optional<policy::AccessMode> access_mode;

  std::string vendor_certificate;
  std::string vendor_key;            ///< A path; empty where keys are in a token.
  std::optional<TokenConfig> token;  ///< Private keys are in there.
  std::string vendor_root;
  std::optional<std::string> operator_root;
  std::optional<std::string> operator_name;
  std::vector<std::string> cross_certificates;  ///< URLs of the operator's repository (R40).

  bool with_ipsec = true;
  bool with_cmp = true;
  bool with_keydist = true;

  std::set<core::ProtectedPort> ports = {{core::ProtectedPort::Protocol::kSctp, 36422},
                                         {core::ProtectedPort::Protocol::kUdp, 2152}};
  bool transport_mode = false;
  std::vector<common::IpAddress> local_addresses;  ///< X2-C and X2-U of our own; empty: those that routes leave from.

  std::string whack = "/usr/libexec/ipsec/whack";
  std::string pluto_rundir = "/run/pluto";
  std::string nssdb = "/var/lib/ipsec/nss";
  std::string secrets_file;  ///< Default: run_dir/x2.secrets.

  std::optional<int> backhaul_reqid;
  std::string backhaul_interface;
  std::vector<common::Cidr> core_networks;
  std::optional<BackhaulMoveConfig> backhaul_move;  ///< None: the backhaul stays on the vendor certificate.

  std::vector<EnrolmentSeg> enrolment_segs;  ///< In the order in which they are tried.

  std::optional<std::string> keydist_address;  ///< "address:port"
  common::IpAddress keydist_ip;                ///< Parsed from it.
  std::uint16_t keydist_port = 0;
  std::string keydist_server_name;
  absl::Duration keydist_deadline = absl::Seconds(5);
  bool keydist_shows_operator = false;  ///< The operator certificate once there is one, else the vendor's.

  RevocationConfig revocation;

  absl::Duration reconcile_every = absl::Seconds(15);
  absl::Duration takeover_after = absl::Seconds(10);

  common::LogConfig log;
  std::optional<std::string> metrics_textfile;
};

/// Reads and checks the whole of it; the first error with file, line and column. What the build left out is off (R3).
[[nodiscard]] absl::StatusOr<Config> LoadConfig(std::string_view text, std::string_view path);

}  // namespace henb::x2sec::app
