// What becomes of a request: pure functions over the requests of one device.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/random.h"
#include "henb-x2sec/enrol/pkcs10.h"
#include "henb-x2sec/nem/ra_client.h"
#include "henb-x2sec/nem/request.h"

namespace henb::x2sec::nem {

/// What an upload changes, the new request last; empty: it is known already. A device has one open request: an older
/// one is replaced, and a certificate that it never fetched is revoked. Unavailable: the older one is at the RA/CA at
/// this moment.
[[nodiscard]] absl::StatusOr<std::vector<Request>> Admit(const enrol::Pkcs10& pkcs10, std::vector<Request> of_device,
                                                         absl::Time now);

/// The device has installed what `id` brought; its older certificates are revoked `revoke_old_after` later, when its
/// links have moved. What has changed. NotFound; FailedPrecondition: there is nothing to take.
[[nodiscard]] absl::StatusOr<std::vector<Request>> Take(const std::string& id, std::vector<Request> of_device,
                                                        absl::Time now, absl::Duration revoke_old_after);

/// The device does not accept it: it is revoked at once. NotFound; FailedPrecondition.
[[nodiscard]] absl::StatusOr<Request> Reject(Request request, const std::string& reason, absl::Time now);

/// What the RA/CA's answer makes of a request that was asked. An RA/CA that is not reachable, or was too slow, is asked
/// again with back-off; a refusal, or a certificate that does not hold, is the end of this request: the device is told.
/// Where the RA/CA may hold a valid certificate that nobody will use (its confirmation had no good answer, or it
/// confirmed by itself) the request is kConfirming: an rr, then it is asked anew.
void Settle(Request& request, const RaAnswer& answer, absl::Time now, common::Random& random);

/// The rr for a request's certificate has had `outcome`. One that the RA/CA refuses is answered too: it knows of no
/// such certificate that is valid.
void SettleRevocation(Request& request, const absl::Status& outcome, absl::Time now, common::Random& random);

/// 5 s, doubled with every attempt up to 10 minutes, a quarter more or less by chance.
[[nodiscard]] absl::Duration RetryDelay(std::uint32_t attempts, common::Random& random);

}  // namespace henb::x2sec::nem
