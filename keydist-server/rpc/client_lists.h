// Which client certificates are revoked: the lists that the operator has put beside the anchors (R43).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/revocation/certificate_list.h"

namespace henb::keydist::rpc {

/// Lists in use, one for each issuer. A value; any thread may read it.
class ClientLists {
 public:
  ClientLists() = default;
  /// `grace`: how long after its nextUpdate a list still counts. InvalidArgument: two lists of one issuer.
  [[nodiscard]] static absl::StatusOr<ClientLists> Make(std::vector<common::CertificateList> lists,
                                                        absl::Duration grace);

  /// A certificate of a verified path and who issued it. Unauthenticated: it is revoked, or the issuer's list is older
  /// than the grace allows. `good_until`, where given, is lowered to when that will be so. OK where the issuer has no
  /// list.
  [[nodiscard]] absl::Status Judge(const common::Certificate& certificate, const common::Certificate& issuer,
                                   absl::Time now, absl::Time* good_until) const;
  /// Whether these may take the place of `held`: no list goes back. FailedPrecondition names the issuer.
  [[nodiscard]] absl::Status MayReplace(const ClientLists& held) const;
  /// When the first of them ends; none without lists.
  [[nodiscard]] std::optional<absl::Time> first_end() const;
  [[nodiscard]] std::size_t size() const { return lists_.size(); }

 private:
  std::map<common::IssuerId, common::CertificateList> lists_;
  absl::Duration grace_;
};

}  // namespace henb::keydist::rpc
