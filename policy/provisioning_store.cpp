#include "policy/provisioning_store.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "common/file.h"
#include "common/status.h"
#include "policy/json_reader.h"

namespace henb::policy {
namespace {

using common::StrCat;

constexpr char kDataFile[] = "provisioning.der";
constexpr char kMarkFile[] = "provisioning-mark.json";

absl::StatusOr<std::optional<std::string>> ReadIfThere(const std::string& path) {
  auto content = common::ReadFile(path);
  if (absl::IsNotFound(content.status())) return std::nullopt;
  RETURN_IF_ERROR(content.status());
  return *std::move(content);
}

/// Whatever is wrong with the file is invalid input.
absl::Status Invalid(const absl::Status& status) {
  if (!absl::IsPermissionDenied(status) && !absl::IsFailedPrecondition(status)) return status;
  return absl::InvalidArgumentError(status.message());
}

}  // namespace

std::string ProvisioningStore::Path(std::string_view file) const { return StrCat(config_.directory, "/", file); }

std::shared_ptr<const AcceptedProvisioning> ProvisioningStore::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

absl::Status ProvisioningStore::ReadMark() {
  mark_known_ = false;
  ASSIGN_OR_RETURN(const auto text, ReadIfThere(Path(kMarkFile)));
  Mark mark;
  if (text.has_value()) {
    Problems problems;
    ASSIGN_OR_RETURN_CTX(const Json tree, ParseJsonObject(*text), Path(kMarkFile));
    JsonObject object(&tree, "", &problems);
    for (const char* field : {"serial", "sha256", "operator", "credential_spent"}) object.Require(field);
    object.Number("serial", 1, ~std::uint64_t{0}, &mark.serial);
    object.Text<common::Sha256Digest>("sha256", common::Sha256Digest::ParseHex, &mark.sha256);
    object.Text<std::string>(
        "operator", [](std::string_view name) -> absl::StatusOr<std::string> { return std::string(name); },
        &mark.operator_name);
    object.Bool("credential_spent", &mark.credential_spent);
    RETURN_IF_ERROR_CTX(problems.status(), Path(kMarkFile));
  }
  mark_ = mark;
  mark_known_ = true;
  return absl::OkStatus();
}

absl::Status ProvisioningStore::WriteMark(const Mark& mark) {
  nlohmann::ordered_json out;
  out["serial"] = mark.serial;
  out["sha256"] = mark.sha256.ToHex();
  out["operator"] = mark.operator_name;
  out["credential_spent"] = mark.credential_spent;
  RETURN_IF_ERROR(common::WriteFileAtomically(Path(kMarkFile), out.dump() + "\n"));
  mark_ = mark;
  return absl::OkStatus();
}

absl::StatusOr<AcceptedProvisioning> ProvisioningStore::Accept(std::string_view cms_der, bool check_time,
                                                               bool credential_spent) const {
  const std::string& bound = config_.operator_name.empty() ? mark_.operator_name : config_.operator_name;
  return AcceptProvisioning(cms_der, {config_.vendor_roots, config_.device, bound, clock_->Now(), check_time},
                            credential_spent);
}

absl::Status ProvisioningStore::Load() {
  const std::lock_guard lock(mutex_);
  current_ = nullptr;
  RETURN_IF_ERROR(common::MakeDirectories(config_.directory, 0700));
  RETURN_IF_ERROR(ReadMark());
  ASSIGN_OR_RETURN(const auto der, ReadIfThere(Path(kDataFile)));
  if (!der.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN_CTX(AcceptedProvisioning accepted, Accept(*der, false, mark_.credential_spent), Path(kDataFile));
  const std::uint64_t serial = accepted.data.serial;
  if (serial < mark_.serial || (serial == mark_.serial && accepted.sha256 != mark_.sha256)) {
    return absl::FailedPreconditionError(
        StrCat(Path(kDataFile), ": serial ", serial, " is not the newest taken, ", mark_.serial));
  }
  if (serial > mark_.serial) {
    // The power went between the data and its mark. What an older credential's mark says is not said of this one.
    if (mark_.credential_spent) {
      ASSIGN_OR_RETURN_CTX(accepted, Accept(*der, false, false), Path(kDataFile));
    }
    RETURN_IF_ERROR(WriteMark({serial, accepted.sha256, accepted.data.operator_name, false}));
  } else if (mark_.credential_spent) {
    ASSIGN_OR_RETURN(const std::string rest, WithoutCredential(*der));
    if (rest != *der) RETURN_IF_ERROR(common::WriteFileAtomically(Path(kDataFile), rest));
  }
  current_ = std::make_shared<const AcceptedProvisioning>(std::move(accepted));
  return absl::OkStatus();
}

absl::Status ProvisioningStore::CheckSerial(const AcceptedProvisioning& accepted) const {
  const std::uint64_t serial = accepted.data.serial;
  if (serial < mark_.serial) {
    return absl::InvalidArgumentError(
        StrCat("serial: ", serial, " is lower than ", mark_.serial, ", which was taken before"));
  }
  if (serial == mark_.serial && accepted.sha256 != mark_.sha256) {
    return absl::InvalidArgumentError(
        StrCat("serial: ", serial, " was taken before with other content; raise the serial"));
  }
  return absl::OkStatus();
}

absl::StatusOr<JudgedProvisioning> ProvisioningStore::Judge(std::string_view cms_der) {
  const std::lock_guard lock(mutex_);
  if (!mark_known_) {
    RETURN_IF_ERROR(common::MakeDirectories(config_.directory, 0700));
    RETURN_IF_ERROR(ReadMark());
  }
  // Whether the credential is spent is known when the serial is.
  auto accepted = Accept(cms_der, /*check_time=*/true, /*credential_spent=*/false);
  const bool again = accepted.ok() && mark_.credential_spent && accepted->sha256 == mark_.sha256;
  if (again) accepted->credential.clear();
  if (!accepted.ok()) return Invalid(accepted.status());
  RETURN_IF_ERROR(CheckSerial(*accepted));
  JudgedProvisioning out;
  out.unchanged = current_ != nullptr && current_->sha256 == accepted->sha256;
  if (again) {
    ASSIGN_OR_RETURN(out.cms_der, WithoutCredential(cms_der));
  } else {
    out.cms_der = std::string(cms_der);
  }
  out.accepted = out.unchanged ? current_ : std::make_shared<const AcceptedProvisioning>(*std::move(accepted));
  return out;
}

absl::Status ProvisioningStore::Keep(const JudgedProvisioning& judged) {
  const std::lock_guard lock(mutex_);
  if (judged.unchanged) return absl::OkStatus();
  const AcceptedProvisioning& accepted = *judged.accepted;
  RETURN_IF_ERROR(CheckSerial(accepted));
  ASSIGN_OR_RETURN(const auto before, ReadIfThere(Path(kDataFile)));
  // The data first: a power cut between the two leaves newer data than the mark, which Load takes over.
  RETURN_IF_ERROR(common::WriteFileAtomically(Path(kDataFile), judged.cms_der));
  const bool again = accepted.data.serial == mark_.serial;
  absl::Status marked =
      WriteMark({accepted.data.serial, accepted.sha256, accepted.data.operator_name, again && mark_.credential_spent});
  if (!marked.ok()) {
    if (before.has_value()) common::WriteFileAtomically(Path(kDataFile), *before).IgnoreError();
    return marked;
  }
  current_ = judged.accepted;
  return absl::OkStatus();
}

absl::Status ProvisioningStore::Spend() {
  const std::lock_guard lock(mutex_);
  if (current_ == nullptr || mark_.credential_spent || !current_->data.credential.has_value()) return absl::OkStatus();
  // The mark first: a power cut between the two leaves an envelope that Load removes.
  Mark mark = mark_;
  mark.credential_spent = true;
  RETURN_IF_ERROR(WriteMark(mark));
  auto rest = std::make_shared<AcceptedProvisioning>(*current_);
  rest->credential.clear();
  current_ = std::move(rest);
  ASSIGN_OR_RETURN(const auto der, ReadIfThere(Path(kDataFile)));
  if (!der.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string without, WithoutCredential(*der));
  return common::WriteFileAtomically(Path(kDataFile), without);
}

}  // namespace henb::policy
