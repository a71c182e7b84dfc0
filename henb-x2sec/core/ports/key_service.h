// The port to the key-distribution service.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/digest.h"
#include "common/henb_id.h"
#include "common/secret_bytes.h"

namespace henb::x2sec::core {

struct PairKey {
  std::uint64_t epoch = 0;
  std::uint32_t generation_local = 0;
  std::uint32_t generation_peer = 0;
  common::SecretBytes key;     ///< 32 octets.
  absl::Duration activate_in;  ///< From the answer's arrival.
  absl::Duration expire_in;
};
struct PeerFacts {
  std::vector<common::SpkiHash> anchors;
  bool cmpv2 = false;
  std::vector<std::string> x2_addresses;
};
struct PairKeys {
  PairKey current;
  std::optional<PairKey> next;
  std::optional<PeerFacts> peer_facts;
};
enum class KeyDenial { kNotAllowed, kSuspended };
struct PairResult {
  common::HenbId peer;
  /// A status (not OK): what was answered about this pair was refused here as stale or malformed (R47).
  std::variant<PairKeys, KeyDenial, absl::Status> result;
};
struct RegisterFacts {
  std::vector<std::string> x2_addresses;
  bool cmpv2 = false;
  std::vector<common::SpkiHash> anchors;
  std::string boot_id;
};
struct RegisterResult {
  std::string henb_id;
  absl::Duration lease;
  std::uint32_t generation = 0;
};
struct KeyServiceEvent {
  enum class Kind { kEpochReady, kPairChanged, kPeerSuspended, kSelfSuspended, kResyncRequired };
  Kind kind = Kind::kResyncRequired;
  std::uint64_t revision = 0;
  std::uint64_t epoch = 0;  ///< kEpochReady.
  common::HenbId peer;      ///< kPairChanged, kPeerSuspended.
};

/// Calls block and run on worker threads, any number at a time; each has the deadline of the configuration.
/// Unavailable: not reachable; PermissionDenied: this HeNB is unknown or suspended there; ResourceExhausted: it asks
/// too much, and RetryAfterOf (retry_after.h) says when to come again.
class KeyService {
 public:
  using EventSink = std::function<void(KeyServiceEvent)>;
  virtual ~KeyService() = default;
  [[nodiscard]] virtual absl::StatusOr<RegisterResult> Register(const RegisterFacts& facts) = 0;
  /// At most 64 peers; answers in their order.
  [[nodiscard]] virtual absl::StatusOr<std::vector<PairResult>> GetPairKeys(
      const std::vector<common::HenbId>& peers) = 0;
  /// Starts the event stream and keeps it, reconnecting with jitter; `sink` is called on a thread of the client's.
  virtual void StartWatch(EventSink sink) = 0;
  virtual void StopWatch() = 0;
};

}  // namespace henb::x2sec::core
