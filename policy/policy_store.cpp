#include "policy/policy_store.h"

#include "common/file.h"
#include "common/status.h"
#include "policy/json_reader.h"
#include "policy/policy_history.h"

namespace henb::policy {
namespace {

constexpr std::string_view kPolicyFile = "policy.der";
constexpr std::string_view kHighWaterFile = "policy-high-water.json";
constexpr std::string_view kHistoryFile = "policy-history.jsonl";

// "Nothing there" is not an error.
absl::StatusOr<std::optional<std::string>> ReadIfThere(const std::string& path) {
  auto content = common::ReadFile(path);
  if (absl::IsNotFound(content.status())) return std::nullopt;
  RETURN_IF_ERROR(content.status());
  return *std::move(content);
}

}  // namespace

std::string_view Name(PushResult result) {
  switch (result) {
    case PushResult::kApplied:
      return "APPLIED";
    case PushResult::kUnchanged:
      return "UNCHANGED";
    case PushResult::kWouldApply:
      return "WOULD_APPLY";
  }
  return "UNKNOWN";
}

PolicyStore::PolicyStore(PolicyStoreConfig config, const common::Clock* clock)
    : config_(std::move(config)), clock_(clock) {}

std::string PolicyStore::Path(std::string_view file) const { return common::StrCat(config_.directory, "/", file); }

absl::StatusOr<AcceptedPolicy> PolicyStore::Accept(std::string_view cms_der, bool check_time) const {
  return AcceptPolicy(cms_der,
                      {config_.vendor_roots, config_.device, config_.operator_name, clock_->Now(), check_time});
}

absl::Status PolicyStore::ReadHighWater() {
  high_water_known_ = false;
  ASSIGN_OR_RETURN(const auto text, ReadIfThere(Path(kHighWaterFile)));
  HighWater mark;
  if (text.has_value()) {
    Problems problems;
    ASSIGN_OR_RETURN_CTX(const Json tree, ParseJsonObject(*text), Path(kHighWaterFile));
    JsonObject object(&tree, "", &problems);
    object.Require("version");
    object.Require("sha256");
    object.Number("version", 1, ~std::uint64_t{0}, &mark.version);
    object.Text<common::Sha256Digest>("sha256", common::Sha256Digest::ParseHex, &mark.sha256);
    RETURN_IF_ERROR_CTX(problems.status(), Path(kHighWaterFile));
  }
  high_water_ = mark;
  high_water_known_ = true;
  return absl::OkStatus();
}

absl::Status PolicyStore::Load() {
  current_ = nullptr;
  RETURN_IF_ERROR(common::MakeDirectories(config_.directory, 0700));
  RETURN_IF_ERROR(ReadHighWater());
  ASSIGN_OR_RETURN(const auto der, ReadIfThere(Path(kPolicyFile)));
  if (!der.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN_CTX(AcceptedPolicy accepted, Accept(*der, /*check_time=*/false), Path(kPolicyFile));
  const std::uint64_t version = accepted.policy.version;
  if (version < high_water_.version || (version == high_water_.version && accepted.sha256 != high_water_.sha256)) {
    return absl::FailedPreconditionError(common::StrCat(Path(kPolicyFile), ": version ", version,
                                                        " is not the newest taken, version ", high_water_.version));
  }
  if (version > high_water_.version) RETURN_IF_ERROR(WriteHighWater({version, accepted.sha256}));
  current_ = std::make_shared<const AcceptedPolicy>(std::move(accepted));
  return absl::OkStatus();
}

absl::Status PolicyStore::WriteHighWater(const HighWater& mark) {
  nlohmann::ordered_json out;
  out["version"] = mark.version;
  out["sha256"] = mark.sha256.ToHex();
  RETURN_IF_ERROR(common::WriteFileAtomically(Path(kHighWaterFile), out.dump() + "\n"));
  high_water_ = mark;
  return absl::OkStatus();
}

absl::Status PolicyStore::CheckVersion(const AcceptedPolicy& accepted) const {
  const Policy& policy = accepted.policy;
  RETURN_IF_ERROR(CheckDates(policy, clock_->Now()));
  if (policy.version < high_water_.version) {
    return absl::FailedPreconditionError(common::StrCat("version: ", policy.version, " is lower than ",
                                                        high_water_.version, ", which was taken before"));
  }
  if (policy.version == high_water_.version && accepted.sha256 != high_water_.sha256) {
    return absl::FailedPreconditionError(
        common::StrCat("version: ", policy.version, " was taken before with other content; raise the version"));
  }
  return absl::OkStatus();
}

absl::Status PolicyStore::Keep(std::string_view cms_der, const AcceptedPolicy& accepted) {
  ASSIGN_OR_RETURN(const auto before, ReadIfThere(Path(kPolicyFile)));
  // The policy first: a power cut between the two leaves a newer policy than the mark, which Load takes over.
  RETURN_IF_ERROR(common::WriteFileAtomically(Path(kPolicyFile), cms_der));
  absl::Status marked = WriteHighWater({accepted.policy.version, accepted.sha256});
  if (marked.ok()) return marked;
  if (before.has_value()) common::WriteFileAtomically(Path(kPolicyFile), *before).IgnoreError();
  return marked;
}

absl::StatusOr<PushReport> PolicyStore::PushOne(std::string_view cms_der, bool dry_run, HistoryEntry* entry) {
  if (!high_water_known_) {
    RETURN_IF_ERROR(common::MakeDirectories(config_.directory, 0700));
    RETURN_IF_ERROR(ReadHighWater());
  }
  ASSIGN_OR_RETURN(AcceptedPolicy taken, Accept(cms_der, /*check_time=*/true));
  auto accepted = std::make_shared<const AcceptedPolicy>(std::move(taken));
  entry->version = accepted->policy.version;
  entry->sha256 = accepted->sha256.ToHex();
  RETURN_IF_ERROR(CheckVersion(*accepted));
  if (current_ != nullptr && current_->sha256 == accepted->sha256) return PushReport{PushResult::kUnchanged, current_};
  if (dry_run) return PushReport{PushResult::kWouldApply, std::move(accepted)};
  RETURN_IF_ERROR(Keep(cms_der, *accepted));
  current_ = accepted;
  return PushReport{PushResult::kApplied, std::move(accepted)};
}

absl::StatusOr<PushReport> PolicyStore::Push(std::string_view cms_der, bool dry_run, std::string_view source) {
  HistoryEntry entry;
  entry.at = clock_->Now();
  entry.source = source;
  auto report = PushOne(cms_der, dry_run, &entry);
  if (dry_run) return report;
  entry.result = report.ok() ? std::string(Name(report->result)) : "REFUSED";
  if (!report.ok()) entry.detail = std::string(common::ToStd(report.status().message()));
  // A history that can't be written must not undo a policy that is in force.
  AppendHistory(Path(kHistoryFile), entry).IgnoreError();
  return report;
}

absl::StatusOr<std::vector<HistoryEntry>> PolicyStore::History() const { return ReadHistory(Path(kHistoryFile)); }

}  // namespace henb::policy
