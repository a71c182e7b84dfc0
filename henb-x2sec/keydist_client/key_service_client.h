// The key-distribution service over gRPC: what stands behind the core's port.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/random.h"
#include "common/secret_bytes.h"
#include "henb-x2sec/core/ports/key_service.h"

namespace henb::x2sec::keydist_client {

struct ClientOptions {
  std::string address;                            ///< "10.100.0.1:8443" or "[2001:db8::1]:8443".
  std::string server_name;                        ///< dNSName that the server's certificate must have.
  std::string operator_root_pem;                  ///< The only root that the server's certificate may end at.
  absl::Duration deadline = absl::Seconds(5);     ///< Of one call.
  absl::Duration first_retry = absl::Seconds(4);  ///< Window of common::Backoff for the event stream.
  absl::Duration most_retry = absl::Minutes(1);
};

/// What the HeNB shows: PEM, leaf first, then intermediates.
struct ClientCredentials {
  std::string certificate_pem;
  common::SecretBytes key_pem;
};

/// One channel with mutual TLS. Calls block with the deadline and may run on any threads at a time; the event stream
/// has a thread of its own. Keys are in SecretBytes before a call returns, and the message they came in is zeroised.
///
/// Errors of the calls: Unavailable (not reachable, or the service can't write its audit log), DeadlineExceeded,
/// PermissionDenied (unknown or suspended), Unauthenticated (certificate refused), ResourceExhausted (over its quota,
/// core::RetryAfterOf says when to come again), InvalidArgument, DataLoss (malformed answer; stale or malformed for one
/// peer: that peer's result, R47).
class KeyServiceClient final : public core::KeyService {
 public:
  KeyServiceClient(ClientOptions options, ClientCredentials credentials, common::Random& random);
  /// Stops the event stream.
  ~KeyServiceClient() override;
  KeyServiceClient(const KeyServiceClient&) = delete;
  KeyServiceClient& operator=(const KeyServiceClient&) = delete;

  /// From now on, calls and the event stream show these; calls under way end with the ones they began with.
  void UpdateCredentials(ClientCredentials credentials);

  absl::StatusOr<core::RegisterResult> Register(const core::RegisterFacts& facts) override;
  absl::StatusOr<std::vector<core::PairResult>> GetPairKeys(const std::vector<common::HenbId>& peers) override;
  /// After each connection that cannot go on where the last one ended, the sink gets kResyncRequired first: what was
  /// fetched before may be old.
  void StartWatch(EventSink sink) override;
  /// Returns when the sink will not be called any more. Not from within the sink.
  void StopWatch() override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace henb::x2sec::keydist_client
