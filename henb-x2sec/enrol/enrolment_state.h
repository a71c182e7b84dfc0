// What an enrolment under way must remember over a power cut (R34).
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/certificate.h"
#include "common/henb_id.h"
#include "henb-x2sec/core/ports/enroller.h"

namespace henb::x2sec::enrol {

/// Where the enrolment stands. The private key is in the device's key store under `ckaid`; nothing here is secret. A
/// value.
struct EnrolmentState {
  enum class Phase {
    kMakingKey,   ///< The key may exist already, under a name that is not known yet.
    kRequested,   ///< The key exists; no certificate for it was accepted.
    kConfirming,  ///< A certificate was accepted; whether the CA knows is unknown.
    kConfirmed    ///< The CA has confirmed; the certificate may not be in the store yet.
  };
  Phase phase = Phase::kRequested;
  common::HenbId identity;
  std::string recipient;  ///< The RA/CA asked, or "NEM " and its URL.
  std::string pkcs10;     ///< NEM: DER of what was uploaded; empty: a new one is made.
  std::string ckaid;
  /// kMakingKey: keys without a certificate that were there before. Another one is ours.
  std::set<std::string> others;
  /// The certificate being renewed may be superseded at the CA, which then refuses a kur: ir follows.
  bool current_unsure = false;
  /// How the device came by the anchor.
  core::RootSource anchor_source = core::RootSource::kProvisioned;
  std::vector<common::Certificate>
      certificates;  ///< kConfirming, kConfirmed: the certificate, intermediates, the anchor last.
};

/// A file of states, one a line, of which the last whole line counts: a state costs one wait for the disk, and what a
/// power cut leaves of a line is as if it had not been begun. Written anew when it has grown to 64 KiB. One thread at a
/// time.
class EnrolmentStateFile {
 public:
  explicit EnrolmentStateFile(std::string path) : path_(std::move(path)) {}
  /// nullopt: no enrolment is under way. DataLoss: the file can't be understood.
  [[nodiscard]] absl::StatusOr<std::optional<EnrolmentState>> Load() const;
  /// On the disk when this returns.
  [[nodiscard]] absl::Status Save(const EnrolmentState& state) const;
  [[nodiscard]] absl::Status Clear() const;

 private:
  /// A line of `size` octets may follow what is there.
  [[nodiscard]] bool TakesAnother(std::size_t size) const;
  std::string path_;
};

}  // namespace henb::x2sec::enrol
