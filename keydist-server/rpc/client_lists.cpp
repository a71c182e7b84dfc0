#include "keydist-server/rpc/client_lists.h"

#include <algorithm>
#include <utility>

#include "common/status.h"

namespace henb::keydist::rpc {

using common::StrCat;

absl::StatusOr<ClientLists> ClientLists::Make(std::vector<common::CertificateList> lists, absl::Duration grace) {
  ClientLists out;
  out.grace_ = grace;
  for (common::CertificateList& list : lists) {
    const std::string subject = list.issuer_subject;
    common::IssuerId issuer = list.issuer;
    if (!out.lists_.emplace(std::move(issuer), std::move(list)).second) {
      return absl::InvalidArgumentError(StrCat("there are two revocation lists of ", subject));
    }
  }
  return out;
}

absl::Status ClientLists::Judge(const common::Certificate& certificate, const common::Certificate& issuer,
                                absl::Time now, absl::Time* good_until) const {
  if (lists_.empty()) return absl::OkStatus();
  const auto found = lists_.find(common::IssuerId::Of(issuer));
  if (found == lists_.end()) return absl::OkStatus();
  const common::CertificateList& list = found->second;
  const std::string serial = common::SerialOf(certificate);
  if (list.Revokes(serial)) {
    return absl::UnauthenticatedError(StrCat("revoked: serial ", serial, " of ", list.issuer_subject));
  }
  const absl::Time end = list.next_update + grace_;
  if (now > end) {
    return absl::UnauthenticatedError(StrCat("the revocation list of ", list.issuer_subject, " is too old"));
  }
  if (good_until != nullptr) *good_until = std::min(*good_until, end);
  return absl::OkStatus();
}

absl::Status ClientLists::MayReplace(const ClientLists& held) const {
  for (const auto& [issuer, list] : lists_) {
    const auto before = held.lists_.find(issuer);
    if (before == held.lists_.end()) continue;
    const absl::Status status = common::Supersedes(list, before->second).status();
    if (!status.ok()) return common::WithContext(status, StrCat("the revocation list of ", list.issuer_subject));
  }
  return absl::OkStatus();
}

std::optional<absl::Time> ClientLists::first_end() const {
  std::optional<absl::Time> first;
  for (const auto& [issuer, list] : lists_) first = std::min(first.value_or(list.next_update), list.next_update);
  return first;
}

}  // namespace henb::keydist::rpc
