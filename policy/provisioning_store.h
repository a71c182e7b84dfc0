// The provisioning data in force across restarts (R37).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "policy/provisioning.h"

namespace henb::policy {

struct ProvisioningStoreConfig {
  std::string directory;  ///< Made with 0700 when missing. Holds provisioning.der and provisioning-mark.json.
  common::HenbId device;
  std::string operator_name;  ///< Of the configuration; empty: that of the first data taken, from then on.
  std::vector<common::Certificate> vendor_roots;
};

/// What was given, judged; in force only after Keep.
struct JudgedProvisioning {
  bool unchanged = false;  ///< In force already.
  std::shared_ptr<const AcceptedProvisioning> accepted;
  std::string cms_der;
};

/// On the disk is what was given, so a symmetric credential is there encrypted only, and not at all once it is spent.
/// Serials never go down, whatever happens to the file. One thread at a time, but for Spend. The clock must outlive the
/// store.
class ProvisioningStore {
 public:
  ProvisioningStore(ProvisioningStoreConfig config, const common::Clock* clock)
      : config_(std::move(config)), clock_(clock) {}

  /// Takes over what is on disk, verified anew; what has expired since then does not matter. None: OK, current() is
  /// null. An error: current() is null, the serial's mark still holds.
  [[nodiscard]] absl::Status Load();
  /// InvalidArgument, with the place, for everything that is wrong with the file: form, signature, signer, device,
  /// operator, date, an older serial, the same serial with other content. Changes nothing.
  [[nodiscard]] absl::StatusOr<JudgedProvisioning> Judge(std::string_view cms_der);
  /// Durably, as a whole; a failure changes nothing.
  [[nodiscard]] absl::Status Keep(const JudgedProvisioning& judged);
  /// The credential has done its work: it leaves the disk, and is never taken again under this serial. Any thread; OK
  /// when there is none.
  [[nodiscard]] absl::Status Spend();

  /// Null: not provisioned. The envelope in it is empty once it is spent. Any thread.
  [[nodiscard]] std::shared_ptr<const AcceptedProvisioning> current() const;

 private:
  struct Mark {
    std::uint64_t serial = 0;
    common::Sha256Digest sha256;
    std::string operator_name;
    bool credential_spent = false;
  };
  [[nodiscard]] absl::Status ReadMark();
  [[nodiscard]] absl::Status WriteMark(const Mark& mark);
  [[nodiscard]] absl::StatusOr<AcceptedProvisioning> Accept(std::string_view cms_der, bool check_time,
                                                            bool credential_spent) const;
  [[nodiscard]] absl::Status CheckSerial(const AcceptedProvisioning& accepted) const;
  [[nodiscard]] std::string Path(std::string_view file) const;

  const ProvisioningStoreConfig config_;
  const common::Clock* clock_;
  mutable std::mutex mutex_;
  std::shared_ptr<const AcceptedProvisioning> current_;
  Mark mark_;
  bool mark_known_ = false;
};

}  // namespace henb::policy
