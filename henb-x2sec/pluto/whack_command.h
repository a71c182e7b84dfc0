// The argument vectors of whack, libreswan's command line to pluto.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "henb-x2sec/core/ports/ike_daemon.h"

namespace henb::x2sec::pluto {

/// Timers that every connection gets. Seconds.
struct ConnectionTimers {
  int retransmit_timeout = 10;  ///< An exchange without an answer is given up, and its IKE SA with it (RFC 7296 §2.4).
  int dpd_delay = 3;            ///< Silence after which pluto asks whether the peer lives.
  friend bool operator==(const ConnectionTimers&, const ConnectionTimers&) = default;
};

/// Arguments after the program's name, one word each; nothing in them is ever read by a shell. Values from outside are
/// checked against an allow-list before they become a word: InvalidArgument names the field (see
/// connection_arguments.h). Any thread.
namespace whack_command {

using Arguments = std::vector<std::string>;

/// `--name N …`: adds, and refuses where N is there already.
[[nodiscard]] absl::StatusOr<Arguments> Add(const core::ConnectionSpec& spec, const ConnectionTimers& timers);
[[nodiscard]] absl::StatusOr<Arguments> Delete(const std::string& name);
/// Stays attached until the negotiation is over.
[[nodiscard]] absl::StatusOr<Arguments> Initiate(const std::string& name);
/// A second, childless IKE SA beside IKE SA `serial` (RFC 7296 §2.8.3, RFC 6023), by pluto's hook for tests, which
/// Debian's build has. Returns at once: --asynchronous, without which it stays attached for seconds.
[[nodiscard]] Arguments Reauthenticate(std::uint64_t serial);
/// Of a connection of somebody else's: its SAs end, and pluto does not revive them.
[[nodiscard]] absl::StatusOr<Arguments> TakeDown(const std::string& foreign);
/// Returns at once.
[[nodiscard]] absl::StatusOr<Arguments> BringUp(const std::string& foreign);
[[nodiscard]] Arguments DeleteState(std::uint64_t serial);
[[nodiscard]] Arguments RereadSecrets();
[[nodiscard]] Arguments RereadCertificates();
/// Drops pluto's cache of roots, which otherwise hides new ones for minutes.
[[nodiscard]] Arguments FreeRootCertificates();
[[nodiscard]] Arguments PurgeOcsp();
/// Everything: the settings, each connection on 22 lines, each state.
[[nodiscard]] Arguments Status();
/// The states only: three lines a link.
[[nodiscard]] Arguments ShowStates();
[[nodiscard]] Arguments Version();

}  // namespace whack_command

}  // namespace henb::x2sec::pluto
