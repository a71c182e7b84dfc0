// The one intake of signed policies, and the policy in force across restarts (R56).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/certificate.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/henb_id.h"
#include "policy/intake.h"
#include "policy/policy.h"
#include "policy/policy_history.h"

namespace henb::policy {

struct PolicyStoreConfig {
  std::string
      directory;  ///< Made with 0700 when missing. Holds policy.der, policy-high-water.json, policy-history.jsonl.
  common::HenbId device;
  std::string operator_name;  ///< That the device was provisioned for; empty: no policy is taken.
  std::vector<common::Certificate> vendor_roots;
};

enum class PushResult { kApplied, kUnchanged, kWouldApply };
[[nodiscard]] std::string_view Name(PushResult result);

struct PushReport {
  PushResult result = PushResult::kUnchanged;
  std::shared_ptr<const AcceptedPolicy> accepted;  ///< What was pushed; in force unless kWouldApply.
};

/// One thread at a time, which may block on the disk. The clock must outlive the store. A failure changes nothing,
/// neither in memory nor on disk; versions never go down, whatever happens to policy.der.
class PolicyStore {
 public:
  PolicyStore(PolicyStoreConfig config, const common::Clock* clock);

  /// Takes over what is on disk, verified anew; a signer's certificate that has expired since then does not matter,
  /// dates are Decide's. No policy so far: OK, current() is null. An error (altered, another device's, older than the
  /// high-water mark): current() is null, everything is BLOCK, and the version mark still holds.
  [[nodiscard]] absl::Status Load();

  /// Verify → read → judge → version → (unless `dry_run`) store → in force. `source` is for the history.
  /// InvalidArgument: not a CMS or not a valid policy (path of the field); PermissionDenied: signature, signer,
  /// operator, device or audience; FailedPrecondition: outside its dates, a lower version, or the same version with
  /// another digest. Disk errors as they come. The history takes a line for everything but a dry run.
  [[nodiscard]] absl::StatusOr<PushReport> Push(std::string_view cms_der, bool dry_run, std::string_view source);

  /// The operator that policies are taken of; empty: none are.
  [[nodiscard]] const std::string& operator_name() const { return config_.operator_name; }
  void set_operator_name(std::string name) { config_.operator_name = std::move(name); }

  /// The policy in force; null: none.
  [[nodiscard]] std::shared_ptr<const AcceptedPolicy> current() const { return current_; }
  [[nodiscard]] const Policy* policy() const { return current_ == nullptr ? nullptr : &current_->policy; }
  /// The last 100 pushes, refused ones too, oldest first.
  [[nodiscard]] absl::StatusOr<std::vector<HistoryEntry>> History() const;

 private:
  struct HighWater {
    std::uint64_t version = 0;
    common::Sha256Digest sha256;
  };
  [[nodiscard]] absl::StatusOr<AcceptedPolicy> Accept(std::string_view cms_der, bool check_time) const;
  [[nodiscard]] absl::Status ReadHighWater();
  [[nodiscard]] absl::Status WriteHighWater(const HighWater& mark);
  [[nodiscard]] absl::Status CheckVersion(const AcceptedPolicy& accepted) const;
  [[nodiscard]] absl::Status Keep(std::string_view cms_der, const AcceptedPolicy& accepted);
  [[nodiscard]] absl::StatusOr<PushReport> PushOne(std::string_view cms_der, bool dry_run, HistoryEntry* entry);
  [[nodiscard]] std::string Path(std::string_view file) const;

  PolicyStoreConfig config_;
  const common::Clock* clock_;
  std::shared_ptr<const AcceptedPolicy> current_;
  HighWater high_water_;
  bool high_water_known_ = false;
};

}  // namespace henb::policy
