#include "henb-x2sec/pluto/connection_arguments.h"

#include <algorithm>
#include <array>

#include "common/status.h"

namespace henb::x2sec::pluto {
namespace {

using common::Quoted;
using common::StrCat;

constexpr std::size_t kLongestName = 255;
constexpr std::size_t kLongestSuite = 64;
constexpr std::size_t kLongestDn = 512;
constexpr std::size_t kCkaidDigits = 40;
constexpr std::size_t kMostSuites = 16;
constexpr int kWidestReplayWindow = 2048;  // pluto's own limit
constexpr int kLongestLifetime = 7 * 24 * 3600;

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool IsNameCharacter(char c) { return IsLetter(c) || IsDigit(c) || c == '.' || c == '-' || c == '_'; }

absl::Status Wrong(std::string_view what, std::string_view text) {
  return absl::InvalidArgumentError(StrCat("\"", Quoted(text), "\" ", what));
}

absl::Status CheckSuites(const std::vector<std::string>& suites, std::string_view field) {
  if (suites.empty() || suites.size() > kMostSuites) {
    return absl::InvalidArgumentError(StrCat(field, ": 1 to ", kMostSuites, " suites, not ", suites.size()));
  }
  for (std::size_t i = 0; i < suites.size(); ++i) {
    RETURN_IF_ERROR_CTX(CheckSuite(suites[i]), StrCat(field, "[", i, "]"));
  }
  return absl::OkStatus();
}

/// Two addresses that face each other, of which `family` is known.
absl::Status CheckPair(const common::IpAddress& local, std::string_view local_field, const common::IpAddress& peer,
                       std::string_view peer_field, int family) {
  if (local.family() == AF_UNSPEC) return absl::InvalidArgumentError(StrCat(local_field, ": empty"));
  if (local.family() != family) return absl::InvalidArgumentError(StrCat(local_field, ": of another family"));
  if (peer.family() != family) {
    return absl::InvalidArgumentError(StrCat(peer_field, ": of another family than local_address"));
  }
  if (peer == local) return absl::InvalidArgumentError(StrCat(peer_field, ": the same as ", local_field));
  const auto octets = peer.bytes();
  if (std::all_of(octets.begin(), octets.end(), [](std::uint8_t octet) { return octet == 0; })) {
    return absl::InvalidArgumentError(StrCat(peer_field, ": unspecified"));  // would mean "anybody" to pluto
  }
  return absl::OkStatus();
}

absl::Status CheckEnds(const core::ConnectionSpec& spec) {
  if (spec.local_id.empty()) return absl::InvalidArgumentError("local_id: empty");
  if (spec.peer_id.empty()) return absl::InvalidArgumentError("peer_id: empty");
  if (spec.local_id == spec.peer_id) return absl::InvalidArgumentError("peer_id: the same as local_id");
  const int family = spec.local_address.family();
  RETURN_IF_ERROR(CheckPair(spec.local_address, "local_address", spec.peer_address, "peer_address", family));
  RETURN_IF_ERROR(
      CheckPair(spec.local_ike_address, "local_ike_address", spec.peer_ike_address, "peer_ike_address", family));
  if (spec.next_hop && spec.next_hop->family() != spec.local_ike_address.family())
    return absl::InvalidArgumentError("next_hop: of another family than local_ike_address");
  if (spec.peer_network) {
    const common::Cidr& network = *spec.peer_network;
    if (spec.transport_mode) return absl::InvalidArgumentError("transport_mode: a security gateway needs a tunnel");
    if (!network.Contains(spec.peer_address) || network.Contains(spec.local_address)) {
      return absl::InvalidArgumentError("peer_network: peer_address must be in it, local_address must not");
    }
  }
  if (spec.transport_mode &&
      (spec.local_ike_address != spec.local_address || spec.peer_ike_address != spec.peer_address)) {
    return absl::InvalidArgumentError("transport_mode: IKE has addresses of its own, which needs a tunnel");
  }
  return absl::OkStatus();
}

absl::Status CheckFields(const core::ConnectionSpec& spec) {
  RETURN_IF_ERROR(CheckEnds(spec));
  if (spec.reqid < 1 || spec.reqid > kHighestReqid) {
    return absl::InvalidArgumentError(StrCat("reqid: ", spec.reqid, " is not within 1…", kHighestReqid));
  }
  if (spec.auth == core::IkeAuth::kCertificate) {
    RETURN_IF_ERROR_CTX(CheckCkaid(spec.local_ckaid), "local_ckaid");
    RETURN_IF_ERROR_CTX(CheckDistinguishedName(spec.expected_ca), "expected_ca");
  } else if (spec.local_id_is_subject) {
    return absl::InvalidArgumentError("local_id_is_subject: without a certificate");
  }
  RETURN_IF_ERROR(CheckSuites(spec.ike_suites, "ike_suites"));
  RETURN_IF_ERROR(CheckSuites(spec.esp_suites, "esp_suites"));
  if (spec.replay_window < 1 || spec.replay_window > kWidestReplayWindow) {
    return absl::InvalidArgumentError(
        StrCat("replay_window: ", spec.replay_window, " is not within 1…", kWidestReplayWindow));
  }
  if (spec.lifetime < absl::Minutes(1) || spec.lifetime > absl::Seconds(kLongestLifetime)) {
    return absl::InvalidArgumentError(
        StrCat("lifetime: ", absl::FormatDuration(spec.lifetime), " is not within 1m…168h"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckConnectionName(std::string_view name) {
  if (name.size() <= kOwnPrefix.size() || !name.starts_with(kOwnPrefix) || name.size() > kLongestName ||
      !std::all_of(name.begin(), name.end(), IsNameCharacter)) {
    return Wrong("is not a connection name of ours (x2-…)", name);
  }
  return absl::OkStatus();
}

absl::Status CheckForeignName(std::string_view name) {
  if (name.empty() || name.starts_with(kOwnPrefix) || name.front() == '-' || name.size() > kLongestName ||
      !std::all_of(name.begin(), name.end(), [](char c) { return IsNameCharacter(c) || c == '/'; })) {
    return Wrong("is not the name of a connection of somebody else's", name);
  }
  return absl::OkStatus();
}

absl::Status CheckSuite(std::string_view suite) {
  const auto allowed = [](char c) { return IsLetter(c) || IsDigit(c) || c == '_' || c == '-'; };
  if (suite.empty() || suite.size() > kLongestSuite || !IsLetter(suite.front()) ||
      !std::all_of(suite.begin(), suite.end(), allowed)) {
    return Wrong("is not an algorithm proposal", suite);
  }
  return absl::OkStatus();
}

absl::Status CheckCkaid(std::string_view ckaid) {
  if (ckaid.size() != kCkaidDigits || !std::all_of(ckaid.begin(), ckaid.end(), IsHex)) {
    return Wrong("is not a CKAID of 40 hexadecimal digits", ckaid);
  }
  return absl::OkStatus();
}

absl::Status CheckDistinguishedName(std::string_view dn) {
  const auto allowed = [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\'' && c != '%'; };
  if (dn.empty() || dn.size() > kLongestDn || !IsLetter(dn.front()) || dn.find('=') == std::string_view::npos ||
      dn.back() == '\\' || !std::all_of(dn.begin(), dn.end(), allowed)) {
    return Wrong("is not a distinguished name", dn);
  }
  return absl::OkStatus();
}

absl::Status CheckSpec(const core::ConnectionSpec& spec) {
  RETURN_IF_ERROR(CheckConnectionName(spec.name));
  return common::WithContext(CheckFields(spec), StrCat("connection ", spec.name));
}

}  // namespace henb::x2sec::pluto
