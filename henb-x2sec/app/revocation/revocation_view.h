// What is known of revocation, for doctor, metrics and the log.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "henb-x2sec/control/views.h"
#include "henb-x2sec/core/ports/ike_daemon.h"

namespace henb::x2sec::app {

struct IssuerView {
  std::string subject;
  std::optional<absl::Time> fresh_until;  ///< nextUpdate of the list held; none: there never was one.
  absl::Time good_until;                  ///< When the longest grace of the policy is over.
  std::size_t revoked = 0;
};

struct RevocationView {
  bool configured = false;
  std::vector<IssuerView> issuers;
  std::vector<std::string> problems;     ///< Of sources: "URL: error" of the last attempt.
  std::vector<std::string> own_revoked;  ///< Subjects of this device's own certificates that are revoked.
  std::string ocspd_uri;
  absl::StatusOr<core::OcspSettings> pluto = absl::UnavailableError("pluto has not been asked yet");
};

/// What keeps pluto from asking x2sec-ocspd about every certificate; OK when it does. Pure.
[[nodiscard]] absl::Status AsksOcspd(const core::OcspSettings& settings, const std::string& ocspd_uri);

/// Findings revocation.news, revocation.sources, revocation.pluto, revocation.own. Pure.
void CheckRevocation(const RevocationView& view, absl::Time now, std::vector<control::DoctorFinding>* out);

}  // namespace henb::x2sec::app
