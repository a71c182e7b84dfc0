#include "henb-x2sec/pluto/whack_command.h"

#include <algorithm>

#include "common/status.h"
#include "henb-x2sec/pluto/connection_arguments.h"
#include "henb-x2sec/pluto/fingerprint.h"

namespace henb::x2sec::pluto::whack_command {
namespace {

using common::StrCat;

void Append(Arguments& to, std::initializer_list<std::string> words) { to.insert(to.end(), words); }

/// How an end proves itself, where that is said for each end. Not with an RSA key of ours: without these words pluto
/// signs by RSA and takes either kind from the peer. With an ECDSA key of ours it has to be told the peer's
/// (docs/pluto.md).
void AppendAuthby(Arguments& to, const core::ConnectionSpec& spec, bool is_rsa) {
  if (!spec.local_key_is_rsa) Append(to, {"--authby", is_rsa ? "rsa" : "ecdsa"});
}

/// Whether a transport address is not the end of IKE and of the tunnel.
bool EndsApart(const core::ConnectionSpec& spec) {
  return spec.local_ike_address != spec.local_address || spec.peer_ike_address != spec.peer_address ||
         spec.peer_network.has_value();
}

std::string HostNetwork(const common::IpAddress& address) {
  return StrCat(address.ToString(), address.is_v6() ? "/128" : "/32");
}

/// whack wants a client at both ends or at none ("endpoints clash").
void AppendAddresses(Arguments& to, const common::IpAddress& ike, const std::string& client, bool apart) {
  Append(to, {"--host", ike.ToString()});
  if (apart) Append(to, {"--client", client});
}

void AppendOurEnd(Arguments& to, const core::ConnectionSpec& spec) {
  if (spec.next_hop) Append(to, {"--nexthop", spec.next_hop->ToString()});
  Append(to, {"--id", spec.local_id_is_subject ? std::string("%fromcert") : StrCat("@", spec.local_id.str())});
  AppendAddresses(to, spec.local_ike_address, HostNetwork(spec.local_address), EndsApart(spec));
  if (spec.auth == core::IkeAuth::kPsk) {
    Append(to, {"--authby", "psk"});
  } else {
    Append(to, {"--ckaid", spec.local_ckaid});
    AppendAuthby(to, spec, spec.local_key_is_rsa);
    // The peer may hold the root alone: raw whack would leave the CAs between (RFC 7296 §3.6) out.
    Append(to, {"--sendcert", "always", "--sendca", "all"});
  }
  // A script would run three times a link, in a shell, and block pluto meanwhile.
  Append(to, {"--updown", "%disabled"});
}

void AppendPeersEnd(Arguments& to, const core::ConnectionSpec& spec) {
  Append(to, {"--id", StrCat("@", spec.peer_id.str())});
  AppendAddresses(to, spec.peer_ike_address,
                  spec.peer_network ? spec.peer_network->ToString() : HostNetwork(spec.peer_address), EndsApart(spec));
  if (spec.auth == core::IkeAuth::kPsk) {
    Append(to, {"--authby", "psk"});
  } else {
    Append(to, {"--ca", spec.expected_ca});
    AppendAuthby(to, spec, spec.peer_key_is_rsa);
    Append(to, {"--sendcert", "always"});
  }
}

/// Of the whole connection. For RSA with SHA-2 alone; whack has no "--rsa", and its "--rsasig" takes SHA-1 as well.
void AppendMethods(Arguments& to, const core::ConnectionSpec& spec) {
  if (spec.auth == core::IkeAuth::kPsk) return Append(to, {"--psk"});
  Append(to, {"--ecdsa"});
  if (spec.local_key_is_rsa || spec.peer_key_is_rsa) Append(to, {"--rsa-sha2"});
}

void AppendPolicy(Arguments& to, const core::ConnectionSpec& spec, const ConnectionTimers& timers) {
  Append(to, {"--ikev2", "--encrypt", "--pfs"});
  AppendMethods(to, spec);
  if (!spec.transport_mode) to.emplace_back("--tunnel");
  const std::string lifetime = StrCat(absl::ToInt64Seconds(spec.lifetime));
  Append(to, {"--reauth", "--overlapip", "--reqid", StrCat(spec.reqid)});
  Append(to, {"--ike", common::Join(spec.ike_suites, ","), "--esp", common::Join(spec.esp_suites, ",")});
  // Raw whack switches none of these on by itself; without both ESN words strongSwan refuses the child, without
  // "--encaps" ESP goes bare to a NAT box (RFC 7296 §2.23).
  Append(to,
         {"--ikefrag-allow", "--encaps", "auto", "--esn", "--no-esn", "--replay-window", StrCat(spec.replay_window)});
  // pluto's own rekeying loses packets; every key change is ours to start, and a forgotten SA ends.
  Append(to, {"--dontrekey", "--ikelifetime", lifetime, "--ipseclifetime", lifetime});
  // Means nothing then, but pluto wants it below the lifetime, and its own is 9 minutes.
  Append(to, {"--rekeymargin", "20"});
  // One try: without it pluto repeats a failed attempt for ever, beside those that we start.
  Append(to, {"--keyingtries", "1"});
  Append(to, {"--retransmit-timeout", StrCat(timers.retransmit_timeout), "--dpddelay", StrCat(timers.dpd_delay),
              "--dpdaction", "clear"});
}

Arguments AddWords(const core::ConnectionSpec& spec, const ConnectionTimers& timers) {
  Arguments words = {"--name", spec.name};
  AppendOurEnd(words, spec);
  words.emplace_back("--to");
  AppendPeersEnd(words, spec);
  AppendPolicy(words, spec, timers);
  return words;
}

/// What tells this connection from one that needs another Add. pluto's connection follows the subject of our
/// certificate, not its key (docs/pluto.md); which kind of key a running one takes from the peer does not matter to
/// its SAs.
std::uint32_t FingerprintOf(core::ConnectionSpec spec, const ConnectionTimers& timers) {
  spec.next_hop.reset();
  spec.peer_key_is_rsa = false;
  Arguments words = AddWords(spec, timers);
  if (!spec.local_subject.empty()) std::replace(words.begin(), words.end(), spec.local_ckaid, spec.local_subject);
  return pluto::FingerprintOf(words);
}

}  // namespace

absl::StatusOr<Arguments> Add(const core::ConnectionSpec& spec, const ConnectionTimers& timers) {
  RETURN_IF_ERROR(CheckSpec(spec));
  Arguments words = AddWords(spec, timers);
  Append(words, {"--metric", StrCat(FingerprintOf(spec, timers))});
  return words;
}

absl::StatusOr<Arguments> Delete(const std::string& name) {
  RETURN_IF_ERROR(CheckConnectionName(name));
  return Arguments{"--delete", "--name", name};
}

absl::StatusOr<Arguments> Initiate(const std::string& name) {
  RETURN_IF_ERROR(CheckConnectionName(name));
  return Arguments{"--initiate", "--name", name};
}

absl::StatusOr<Arguments> TakeDown(const std::string& foreign) {
  RETURN_IF_ERROR(CheckForeignName(foreign));
  return Arguments{"--terminate", "--name", foreign};
}

absl::StatusOr<Arguments> BringUp(const std::string& foreign) {
  RETURN_IF_ERROR(CheckForeignName(foreign));
  return Arguments{"--initiate", "--asynchronous", "--name", foreign};
}

Arguments Reauthenticate(std::uint64_t serial) {
  return {"--impair", StrCat("event-v2-reauth:", serial), "--asynchronous"};
}
Arguments DeleteState(std::uint64_t serial) { return {"--deletestate", StrCat(serial)}; }
Arguments RereadSecrets() { return {"--rereadsecrets"}; }
Arguments RereadCertificates() { return {"--rereadcerts"}; }
Arguments FreeRootCertificates() { return {"--impair", "trigger:EVENT_FREE_ROOT_CERTS"}; }
Arguments PurgeOcsp() { return {"--purgeocsp"}; }
Arguments Status() { return {"--status"}; }
Arguments ShowStates() { return {"--showstates"}; }
Arguments Version() { return {"--version"}; }

}  // namespace henb::x2sec::pluto::whack_command
