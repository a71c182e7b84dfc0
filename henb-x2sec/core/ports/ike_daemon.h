// The port to the IKE daemon (libreswan's pluto).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/henb_id.h"
#include "common/ip_address.h"
#include "henb-x2sec/core/ports/ocsp_settings.h"

namespace henb::x2sec::core {

enum class IkeAuth { kPsk, kCertificate };

/// One connection: one address pair of one neighbour (IKEv2, RFC 7296; one child SA for all traffic between the
/// addresses).
struct ConnectionSpec {
  std::string name;                 ///< "x2-<peer id>-<n>": only such names are ours.
  common::HenbId local_id;          ///< Sent as ID_FQDN.
  common::HenbId peer_id;           ///< Expected ID_FQDN; for certificates the one dNSName of its SAN.
  common::IpAddress local_address;  ///< Traffic selectors: these two addresses, all protocols.
  common::IpAddress peer_address;
  common::IpAddress
      local_ike_address;  ///< IKE and tunnel end points; equal to the above unless the record has an ike_address
  common::IpAddress peer_ike_address;         ///< (then whack gets --host of these and --client of the above).
  std::optional<common::Cidr> peer_network;   ///< The peer is a gateway to this; peer_address is in there.
  std::optional<common::IpAddress> next_hop;  ///< Our router. Two connections to one network need the same.
  int reqid = 0;                              ///< 1…16379, the same for every connection of the neighbour.
  IkeAuth auth = IkeAuth::kPsk;
  std::string local_ckaid;  ///< kCertificate: 40 hexadecimal digits, picks the key in the NSS database.
  /// kCertificate: DN in our certificate. A connection that is there already follows it: after RereadCertificates it
  /// shows the newest certificate of this subject (R32).
  std::string local_subject;
  /// kCertificate: we are called by the subject of our certificate (ID_DER_ASN1_DN), not by local_id.
  bool local_id_is_subject = false;
  bool local_key_is_rsa = false;  ///< kCertificate: else ECDSA.
  /// kCertificate, where our own key is ECDSA: what the peer may prove itself by; else ECDSA. With an RSA key of ours
  /// pluto takes either. Told by kOtherKeyKind.
  bool peer_key_is_rsa = false;
  std::string expected_ca;              ///< kCertificate: subject DN of the anchor the peer's path must end at.
  std::vector<std::string> ike_suites;  ///< whack's notation, e.g. "aes_gcm256-sha2_256-ecp256".
  std::vector<std::string> esp_suites;  ///< e.g. "aes_gcm256-none-ecp256".
  bool transport_mode = false;
  int replay_window = 2048;                   ///< R21.
  absl::Duration lifetime = absl::Hours(24);  ///< The SA ends then if nobody changed its key: shut, not open.
  friend bool operator==(const ConnectionSpec&, const ConnectionSpec&) = default;
};

/// Equal, but perhaps for the key of one subject: the connection stays, its next authentication shows the new key.
[[nodiscard]] inline bool SameButForKey(ConnectionSpec a, const ConnectionSpec& b) {
  if (a.local_subject == b.local_subject && !a.local_subject.empty()) a.local_ckaid = b.local_ckaid;
  return a == b;
}

struct IkeSa {
  std::uint64_t serial = 0;  ///< pluto's "#1".
  std::string connection;
  bool established = false;
  bool newest = false;  ///< A new child of this connection is made on it.
};
struct ChildSa {
  std::uint64_t serial = 0;
  std::uint64_t ike_serial = 0;  ///< The IKE SA it lives on.
  std::string connection;
  bool established = false;
  std::uint32_t spi_out = 0;
  std::uint32_t spi_in = 0;
  bool newest = false;
};
/// What the daemon holds, ours and other people's.
struct IkeSnapshot {
  std::vector<std::string> connections;
  std::vector<IkeSa> ike_sas;
  std::vector<ChildSa> child_sas;
  /// By connection name: Fingerprint() of the specification it was added with. None for connections that are not ours.
  std::map<std::string, std::string> fingerprints;
  /// By connection name: the router of our end. Of connections that are not ours.
  std::map<std::string, common::IpAddress> next_hops;
};

enum class InitiateOutcome {
  kEstablished,
  kAuthenticationFailed,   ///< Refused by the peer, or the peer's proof did not verify.
  kCertificateRejected,    ///< The peer's certificate, its path, name or anchor.
  kOtherKeyKind,           ///< The peer's key is of the other kind than peer_key_is_rsa says.
  kRevoked,                ///< The peer's certificate is revoked.
  kRevocationUnavailable,  ///< Nobody answered whether it is.
  kNoProposalChosen,
  kChildRefused,  ///< IKE SA up, child refused (TS_UNACCEPTABLE and the like).
  kNoAnswer,
  kOther,
};
struct InitiateReport {
  InitiateOutcome outcome = InitiateOutcome::kOther;
  std::string detail;  ///< The line of pluto's that told, for the log. No secrets.
  /// kEstablished: the child SA that this call made, as the snapshot will list it; 0 when pluto's line did not tell.
  ChildSa child;
};

/// Blocking; called from worker threads, one call at a time per daemon (implementations serialise). Unavailable: the
/// daemon does not run. FailedPrecondition: a release that is not supported (R23). DeadlineExceeded: it did not answer.
/// An OK of these calls proves nothing about the link: the kernel does.
class IkeDaemon {
 public:
  virtual ~IkeDaemon() = default;
  [[nodiscard]] virtual absl::StatusOr<std::string> CheckVersion() = 0;
  [[nodiscard]] virtual absl::StatusOr<IkeSnapshot> Snapshot() = 0;
  /// The same without `connections` and `fingerprints`, for a tenth of the cost: to poll with.
  [[nodiscard]] virtual absl::StatusOr<IkeSnapshot> States() { return Snapshot(); }
  /// Equal for specifications that are the same but for key, the kind of the peer's key, and router (and equal settings
  /// of the implementation): a connection found with the wanted one needs no Add, also after a restart of ours. Pure.
  [[nodiscard]] virtual std::string Fingerprint(const ConnectionSpec& spec) const = 0;
  /// Replaces a connection of that name.
  [[nodiscard]] virtual absl::Status Add(const ConnectionSpec& spec) = 0;
  /// OK when there is none. Its SAs end.
  [[nodiscard]] virtual absl::Status Delete(const std::string& name) = 0;
  /// Starts a negotiation, or a further child SA where an IKE SA is up, and reports how it went, waiting `deadline` at
  /// most.
  [[nodiscard]] virtual absl::StatusOr<InitiateReport> Initiate(const std::string& name, absl::Duration deadline) = 0;
  /// Step 2 of a key change: a second, childless IKE SA with fresh authentication beside IKE SA `serial`. Returns at
  /// once.
  [[nodiscard]] virtual absl::Status Reauthenticate(std::uint64_t ike_serial) = 0;
  /// Deletes one state (IKE SA or child SA) with a notification to the peer. OK when it is gone already.
  [[nodiscard]] virtual absl::Status DeleteState(std::uint64_t serial) = 0;
  /// A connection of somebody else's, which the configuration names: its SAs end and stay away, its definition stays.
  /// OK when it is down already or there is none of this name.
  [[nodiscard]] virtual absl::Status TakeDown(const std::string& foreign) = 0;
  /// The daemon brings it up, and goes on trying as its definition says. Does not wait for it; OK as above.
  [[nodiscard]] virtual absl::Status BringUp(const std::string& foreign) = 0;
  [[nodiscard]] virtual absl::Status RereadSecrets() = 0;
  [[nodiscard]] virtual absl::Status RereadCertificates() = 0;
  /// A root new in the NSS database is trusted from now on, without a restart.
  [[nodiscard]] virtual absl::Status TrustNewRoots() = 0;
  /// Answers about peers' certificates are asked for anew from now on.
  [[nodiscard]] virtual absl::Status ForgetOcspAnswers() = 0;
  [[nodiscard]] virtual absl::StatusOr<OcspSettings> Ocsp() = 0;
};

}  // namespace henb::x2sec::core
