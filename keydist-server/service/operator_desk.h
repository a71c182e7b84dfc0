// The operator's changes: read, decide, compare-and-swap, audit.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "keydist-server/service/key_service.h"

namespace henb::keydist::service {

/// Any thread; calls block until the change is durable and audited. NotFound: no such HeNB. InvalidArgument,
/// AlreadyExists. Unavailable "done, but …": the change is made and only its audit record is missing.
class OperatorDesk {
 public:
  explicit OperatorDesk(KeyService& service) : service_(service) {}

  /// A name that was removed may be registered anew and keeps counting its generation.
  [[nodiscard]] absl::StatusOr<domain::HenbRecord> Add(domain::HenbRecord record);
  enum class Imported { kAdded, kUnchanged };
  /// Many at once, each for itself, in the order of `records`: added; or left as it is, when one of that name has the
  /// same anchors and groups; AlreadyExists when it has others, InvalidArgument for a record that is not well-formed.
  /// `dry_run` only says so. An error of the whole call: nothing was added, or "done, but not audited".
  [[nodiscard]] absl::StatusOr<std::vector<absl::StatusOr<Imported>>> Import(std::vector<domain::HenbRecord> records,
                                                                             bool dry_run);
  [[nodiscard]] absl::StatusOr<domain::HenbRecord> Suspend(const common::HenbId& id);
  [[nodiscard]] absl::StatusOr<domain::HenbRecord> Resume(const common::HenbId& id);
  [[nodiscard]] absl::StatusOr<domain::HenbRecord> Remove(const common::HenbId& id);
  [[nodiscard]] absl::StatusOr<domain::HenbRecord> Rotate(const common::HenbId& id);
  [[nodiscard]] absl::StatusOr<domain::HenbRecord> AddToGroup(const common::HenbId& id, const std::string& group);
  [[nodiscard]] absl::StatusOr<domain::HenbRecord> RemoveFromGroup(const common::HenbId& id, const std::string& group);
  /// Both ends must be registered, unless the rule is kNone.
  [[nodiscard]] absl::Status SetPairRule(const domain::PairId& pair, domain::PairRule rule);
  [[nodiscard]] absl::Status AdvanceEpoch(absl::Duration activate_in);

  struct Keks {
    store::StoredKek in_force;
    domain::RootSealer at_hand;
    std::size_t roots = 0;  ///< Sealed under the one in force.
    std::vector<domain::ReplicaMark> others;
  };
  [[nodiscard]] absl::StatusOr<Keks> ShowKeks();
  /// Puts the wanted KEK in force and seals every root anew. FailedPrecondition: another replica does not have it.
  [[nodiscard]] absl::StatusOr<EpochKeeper::Rotated> RotateKek();

 private:
  using Edit = std::function<absl::StatusOr<domain::HenbRecord>(domain::HenbRecord)>;
  absl::StatusOr<domain::HenbRecord> Change(const common::HenbId& id, std::string_view event, std::string detail,
                                            const Edit& edit);
  /// A name that comes back must not find the exceptions of the one before it.
  absl::Status ClearPairRules(const common::HenbId& id);
  absl::Status Audit(std::string_view event, std::string detail);
  absl::Status Record(std::string_view event, std::string detail);
  /// One record for each detail; durable when it returns.
  absl::Status AuditAll(std::string_view event, const std::vector<std::string>& details);
  absl::StatusOr<Imported> ImportOne(const domain::HenbRecord& record);
  KeyService& service_;
};

}  // namespace henb::keydist::service
