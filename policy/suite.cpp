#include "policy/suite.h"

#include <algorithm>
#include <array>

#include "common/strings.h"

namespace henb::policy {
namespace {

struct Row {
  Suite suite;
  std::string_view name;
  std::string_view ike;
  std::string_view esp;
};

constexpr std::array kRows = {
    Row{Suite::kAes256Gcm16Sha256Dh19, "AES256_GCM16_SHA2_256_DH19", "aes_gcm256-sha2_256-ecp256",
        "aes_gcm256-none-ecp256"},
    Row{Suite::kAes256Gcm16Sha384Dh20, "AES256_GCM16_SHA2_384_DH20", "aes_gcm256-sha2_384-ecp384",
        "aes_gcm256-none-ecp384"},
    Row{Suite::kAes128Gcm16Sha256Dh19, "AES128_GCM16_SHA2_256_DH19", "aes_gcm128-sha2_256-ecp256",
        "aes_gcm128-none-ecp256"},
    Row{Suite::kAes256Gcm16Sha256Dh14, "AES256_GCM16_SHA2_256_DH14", "aes_gcm256-sha2_256-modp2048",
        "aes_gcm256-none-modp2048"},
    Row{Suite::kAes128Gcm16Sha256Dh14, "AES128_GCM16_SHA2_256_DH14", "aes_gcm128-sha2_256-modp2048",
        "aes_gcm128-none-modp2048"},
    Row{Suite::kAes256CbcSha256Dh19, "AES256_CBC_SHA2_256_DH19", "aes256-sha2_256-ecp256", "aes256-sha2_256-ecp256"},
    Row{Suite::kAes256CbcSha384Dh20, "AES256_CBC_SHA2_384_DH20", "aes256-sha2_384-ecp384", "aes256-sha2_384-ecp384"},
    Row{Suite::kAes128CbcSha256Dh19, "AES128_CBC_SHA2_256_DH19", "aes128-sha2_256-ecp256", "aes128-sha2_256-ecp256"},
    Row{Suite::kAes256CbcSha256Dh14, "AES256_CBC_SHA2_256_DH14", "aes256-sha2_256-modp2048",
        "aes256-sha2_256-modp2048"},
    Row{Suite::kAes128CbcSha256Dh14, "AES128_CBC_SHA2_256_DH14", "aes128-sha2_256-modp2048",
        "aes128-sha2_256-modp2048"},
};

const Row* RowOf(Suite suite) {
  for (const Row& row : kRows) {
    if (row.suite == suite) return &row;
  }
  return nullptr;
}

// What RFC 8247 and RFC 8221 forbid or TS 33.210 does not approve, as parts between underscores.
struct Refused {
  std::string_view part;
  std::string_view what;
};
constexpr Refused kRefused[] = {{"3DES", "3DES"},        {"DES", "DES"},          {"SHA1", "SHA-1"},
                                {"MD5", "MD5"},          {"NULL", "ESP-NULL"},    {"AH", "AH without encryption"},
                                {"DH1", "DH group 1"},   {"DH2", "DH group 2"},   {"DH5", "DH group 5"},
                                {"DH22", "DH group 22"}, {"DH23", "DH group 23"}, {"DH24", "DH group 24"}};

void AddOnce(std::string proposal, std::vector<std::string>* list) {
  if (proposal.empty() || std::find(list->begin(), list->end(), proposal) != list->end()) return;
  list->push_back(std::move(proposal));
}

}  // namespace

const std::vector<Suite>& DefaultSuites() {
  static const auto* const kSuites = [] {
    auto* all = new std::vector<Suite>;
    for (const Row& row : kRows) all->push_back(row.suite);
    return all;
  }();
  return *kSuites;
}

std::string_view IkeProposal(Suite suite) {
  const Row* row = RowOf(suite);
  return row == nullptr ? std::string_view() : row->ike;
}

std::string_view EspProposal(Suite suite) {
  const Row* row = RowOf(suite);
  return row == nullptr ? std::string_view() : row->esp;
}

std::vector<std::string> IkeProposals(const std::vector<Suite>& suites) {
  std::vector<std::string> out;
  for (const Suite suite : suites) AddOnce(std::string(IkeProposal(suite)), &out);
  return out;
}

std::vector<std::string> EspProposals(const std::vector<Suite>& suites) {
  std::vector<std::string> out;
  std::string_view group;  // With the hyphen before it.
  for (const Suite suite : suites) {
    const std::string_view proposal = EspProposal(suite);
    if (proposal.empty()) continue;
    const auto hyphen = proposal.rfind('-');
    if (group.empty()) group = proposal.substr(hyphen);
    AddOnce(common::StrCat(proposal.substr(0, hyphen), group), &out);
  }
  return out;
}

std::string_view SuiteName(Suite suite) {
  const Row* row = RowOf(suite);
  return row == nullptr ? "UNKNOWN" : row->name;
}

absl::StatusOr<Suite> ParseSuite(std::string_view name) {
  std::string known;
  for (const Row& row : kRows) {
    if (row.name == name) return row.suite;
    common::StrAppend(&known, known.empty() ? "" : ", ", row.name);
  }
  for (const std::string_view part : common::Split(name, '_')) {
    for (const auto& [token, what] : kRefused) {
      if (part == token) {
        return absl::InvalidArgumentError(
            common::StrCat(common::Quoted(name), " is refused: ", what, " is not approved"));
      }
    }
  }
  return absl::InvalidArgumentError(common::StrCat(common::Quoted(name), " is not a suite; there are ", known));
}

}  // namespace henb::policy
