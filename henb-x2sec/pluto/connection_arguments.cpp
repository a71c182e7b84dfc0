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

absl::Status CheckEnds(const core::ConnectionSpec& spec) {
  if (spec.local_id.empty()) return absl::InvalidArgumentError("local_id: empty");
  if (spec.peer_id.empty()) return absl::InvalidArgumentError("peer_id: empty");
  if (spec.local_id == spec.peer_id) return absl::InvalidArgumentError("peer_id: the same as local_id");
  if (spec.local_address.family() == AF_UNSPEC) return absl::InvalidArgumentError("local_address: empty");
  if (spec.peer_address.family() != spec.local_address.family()) {
    return absl::InvalidArgumentError("peer_address: of another family than local_address");
  }
  if (spec.peer_address == spec.local_address)
    return absl::InvalidArgumentError("peer_address: the same as local_address");
  const auto octets = spec.peer_address.bytes();
  if (std::all_of(octets.begin(), octets.end(), [](std::uint8_t octet) { return octet == 0; })) {
    return absl::InvalidArgumentError("peer_address: unspecified");  // would mean "anybody" to pluto
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
