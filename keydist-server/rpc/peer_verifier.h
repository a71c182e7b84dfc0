// From a client's certificate to its identity (R43, R44).
#pragma once

#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "common/certificate.h"
#include "common/clock.h"
#include "keydist-server/rpc/client_lists.h"
#include "keydist-server/service/directory.h"

namespace henb::keydist::rpc {

/// Builds and verifies the path of a client's certificate to one of the anchors (RFC 5280 §6, purpose TLS client), and
/// so learns at which anchor it ends: TLS only says that it ends at some. Certificates of the path that a list of their
/// issuer revokes are refused. Results are kept for each leaf. Any thread.
class PeerVerifier {
 public:
  /// InvalidArgument when there are no anchors.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<PeerVerifier>> Make(
      const std::vector<common::Certificate>& anchors, const common::Clock& clock, ClientLists lists = {});
  ~PeerVerifier();
  /// From now on these are anchors and lists; whoever was known is looked at again. InvalidArgument: no anchors;
  /// FailedPrecondition: a list that is older than the one in use. Then nothing has changed.
  [[nodiscard]] absl::Status Replace(const std::vector<common::Certificate>& anchors, ClientLists lists = {});

  /// `leaf_pem` and `chain_pem` as gRPC's authentication context has them; the chain may be empty when the leaf was
  /// seen before. Unauthenticated says why: no path, outside its dates, not for TLS clients, revoked or its issuer's
  /// list too old, not exactly one dNSName of a HeNB's form.
  [[nodiscard]] absl::StatusOr<std::shared_ptr<const service::CallerIdentity>> Identify(std::string_view leaf_pem,
                                                                                        std::string_view chain_pem);

 private:
  static constexpr std::size_t kMaxKept = 1U << 17;
  struct Kept {
    std::shared_ptr<const service::CallerIdentity> identity;
    absl::Time not_before;  ///< Of the whole path: the latest.
    absl::Time not_after;   ///< The earliest, of the lists' as well.
  };
  struct Anchors;
  PeerVerifier(std::shared_ptr<const Anchors> anchors, const common::Clock& clock);
  static absl::StatusOr<std::shared_ptr<const Anchors>> StoreOf(const std::vector<common::Certificate>& anchors,
                                                                ClientLists lists);
  absl::StatusOr<Kept> Verify(const Anchors& anchors, std::string_view leaf_pem, std::string_view chain_pem) const;

  const common::Clock& clock_;
  std::shared_mutex mutex_;
  std::shared_ptr<const Anchors> anchors_;
  absl::flat_hash_map<std::string, Kept> kept_;
};

}  // namespace henb::keydist::rpc
