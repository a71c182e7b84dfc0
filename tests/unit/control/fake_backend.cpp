#include "fake_backend.h"

#include <algorithm>

#include "common/strings.h"

namespace henb::x2sec::control {

absl::StatusOr<std::string> FakeBackend::Explain(const common::HenbId& neighbour) {
  const auto found = explanations.find(neighbour.str());
  if (found == explanations.end()) return absl::NotFoundError(common::StrCat("no neighbour ", neighbour.str()));
  return Answer(found->second);
}

absl::StatusOr<PolicyView> FakeBackend::Policy() {
  if (!policy) return absl::NotFoundError("no policy was ever applied");
  return Answer(*policy);
}

absl::Status FakeBackend::Note(const std::string& change) {
  const std::lock_guard lock(mutex_);
  if (failure_.ok()) changes_.push_back(change);
  return failure_;
}

absl::StatusOr<common::HenbId> FakeBackend::Take(const std::string& verb, std::string_view json) {
  if (const absl::Status noted = Note(common::StrCat(verb, " ", json)); !noted.ok()) return noted;
  return common::HenbId::Parse("henb-b.example");
}

absl::Status FakeBackend::RemoveNeighbour(const common::HenbId& neighbour) {
  if (explanations.count(neighbour.str()) == 0) {
    return absl::NotFoundError(common::StrCat("no neighbour ", neighbour.str()));
  }
  return Note(common::StrCat("remove ", neighbour.str()));
}

absl::StatusOr<NeighbourChanges> FakeBackend::ReplaceNeighbours(std::string_view json) {
  if (const absl::Status noted = Note(common::StrCat("replace ", json)); !noted.ok()) return noted;
  return Answer(replaced);
}

absl::StatusOr<PolicyPushResult> FakeBackend::PushPolicy(std::string_view cms_der, bool dry_run) {
  const absl::Status noted = Note(common::StrCat(dry_run ? "try " : "push ", common::ToHex(cms_der)));
  if (!noted.ok()) return noted;
  return Answer(pushed);
}

absl::StatusOr<ProvisionResult> FakeBackend::Provision(std::string_view cms_der) {
  const absl::Status noted = Note(common::StrCat("provision ", cms_der));
  if (!noted.ok()) return noted;
  return Answer(provisioned);
}

absl::Status FakeBackend::EnrolNow() { return Note("enrol"); }

absl::StatusOr<RotateReport> FakeBackend::Rotate(const common::HenbId& neighbour, absl::Duration patience) {
  const absl::Status noted =
      Note(common::StrCat("rotate ", neighbour.str(), " within ", absl::ToInt64Milliseconds(patience), " ms"));
  if (!noted.ok()) return noted;
  return Answer(rotated);
}

void FakeBackend::SetState(const std::string& neighbour, const std::string& state) {
  const std::lock_guard lock(mutex_);
  for (LinkView& link : links) {
    if (link.neighbour == neighbour) link.state = state;
  }
}

std::vector<std::string> FakeBackend::changes() const {
  const std::lock_guard lock(mutex_);
  return changes_;
}

void FakeBackend::FailWith(absl::Status status) {
  const std::lock_guard lock(mutex_);
  failure_ = std::move(status);
}

}  // namespace henb::x2sec::control
