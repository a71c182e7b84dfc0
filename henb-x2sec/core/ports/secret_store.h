// The port to the PSKs that the IKE daemon reads.
#pragma once

#include <compare>
#include <vector>

#include "absl/status/status.h"
#include "common/henb_id.h"
#include "common/secret_bytes.h"

namespace henb::x2sec::core {

struct SecretPair {
  common::HenbId local;
  common::HenbId peer;
  friend auto operator<=>(const SecretPair&, const SecretPair&) = default;
};

/// A 0600 file on tmpfs, replaced as a whole, that the daemon's secrets file includes (R15, R48): one secret for each
/// exact pair of identities. One thread at a time. After a change: IkeDaemon::RereadSecrets.
class SecretStore {
 public:
  virtual ~SecretStore() = default;
  /// Replaces the pair's secret. FailedPrecondition when the file would not lie in memory.
  [[nodiscard]] virtual absl::Status Put(const common::HenbId& local, const common::HenbId& peer,
                                         const common::SecretBytes& key) = 0;
  /// OK when there is none.
  [[nodiscard]] virtual absl::Status Remove(const common::HenbId& local, const common::HenbId& peer) = 0;
  [[nodiscard]] virtual bool Has(const common::HenbId& local, const common::HenbId& peer) const = 0;
  /// Those that have a secret now, also from before a restart of ours: what is not wanted any more is the caller's to
  /// remove.
  [[nodiscard]] virtual std::vector<SecretPair> Pairs() const = 0;
};

}  // namespace henb::x2sec::core
