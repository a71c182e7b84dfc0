#include "henb-x2sec/revocation/ocsp_book.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/strings.h"

namespace henb::x2sec::revocation {
namespace {

using Json = nlohmann::json;

constexpr int kVersion = 1;
constexpr std::size_t kLongestSerial = 64;

bool IsSerial(const std::string& text) {
  return !text.empty() && text.size() <= kLongestSerial &&
         text.find_first_not_of("-0123456789abcdef") == std::string::npos;
}

}  // namespace

bool OcspBook::Want(const CertificateId& id, Wish wish, absl::Time now) {
  if (!IsSerial(id.serial)) return false;
  const auto [it, added] = entries_.try_emplace(id);
  it->second.wanted = now;
  if (wish == Wish::kAskedByPluto) it->second.asked = now;
  if (entries_.size() > kMost) {
    auto oldest = entries_.end();
    for (auto each = entries_.begin(); each != entries_.end(); ++each) {
      if (each != it && (oldest == entries_.end() || each->second.wanted < oldest->second.wanted)) oldest = each;
    }
    entries_.erase(oldest);
  }
  return added;
}

absl::StatusOr<bool> OcspBook::Take(const CertificateId& id, const OcspAnswer& answer, absl::Time now) {
  const auto it = entries_.find(id);
  if (it == entries_.end()) return absl::NotFoundError("nobody wants to know of it");
  Entry& entry = it->second;
  if (answer.this_update < entry.answer.this_update)
    return absl::FailedPreconditionError("is older than the answer that is held");
  const bool newly = answer.verdict == Verdict::kRevoked && entry.answer.verdict != Verdict::kRevoked;
  entry.answer = answer;
  entry.came = now;
  return newly;
}

bool OcspBook::Forget(absl::Time now) {
  return std::erase_if(entries_, [&](const auto& entry) { return entry.second.wanted + kKept < now; }) > 0;
}

std::vector<CertificateId> OcspBook::Due(const common::SpkiHash& issuer, absl::Time now, absl::Duration refresh) const {
  std::vector<CertificateId> out;
  for (const auto& [id, entry] : entries_) {
    if (id.issuer != issuer) continue;
    const absl::Duration holds = entry.answer.next_update - entry.came;
    // A clock that was set back makes what came in its future due as well.
    const bool due = entry.came == absl::InfinitePast() || now >= entry.came + std::min(refresh, holds / 2) ||
                     now + refresh < entry.came;
    if (due) out.push_back(id);
  }
  std::stable_sort(out.begin(), out.end(), [this](const CertificateId& a, const CertificateId& b) {
    return entries_.at(a).tried < entries_.at(b).tried;
  });
  return out;
}

void OcspBook::Tried(const CertificateId& id, absl::Time now) {
  if (const auto it = entries_.find(id); it != entries_.end()) it->second.tried = now;
}

bool OcspBook::HasUnanswered(const common::SpkiHash& issuer, absl::Time since) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) {
    return entry.first.issuer == issuer && entry.second.came == absl::InfinitePast() && entry.second.asked >= since;
  });
}

std::vector<std::string> OcspBook::Revoked(const common::SpkiHash& issuer) const {
  std::vector<std::string> out;
  for (const auto& [id, entry] : entries_) {
    if (id.issuer == issuer && entry.answer.verdict == Verdict::kRevoked) out.push_back(id.serial);
  }
  return out;
}

std::map<std::string, OcspAnswer> OcspBook::Good(const common::SpkiHash& issuer) const {
  std::map<std::string, OcspAnswer> out;
  for (const auto& [id, entry] : entries_) {
    if (id.issuer == issuer && entry.answer.verdict == Verdict::kGood) out.emplace(id.serial, entry.answer);
  }
  return out;
}

const OcspAnswer* OcspBook::Longest(const common::SpkiHash& issuer) const {
  const OcspAnswer* longest = nullptr;
  for (const auto& [id, entry] : entries_) {
    if (id.issuer != issuer || entry.came == absl::InfinitePast()) continue;
    if (longest == nullptr || entry.answer.next_update > longest->next_update) longest = &entry.answer;
  }
  return longest;
}

std::string OcspBook::Serialise() const {
  Json answers = Json::array();
  for (const auto& [id, entry] : entries_) {
    if (entry.came == absl::InfinitePast()) continue;
    answers.push_back({{"issuer", id.issuer.ToHex()},
                       {"serial", id.serial},
                       {"verdict", NameOf(entry.answer.verdict)},
                       {"this_update", absl::ToUnixSeconds(entry.answer.this_update)},
                       {"next_update", absl::ToUnixSeconds(entry.answer.next_update)},
                       {"wanted", absl::ToUnixSeconds(entry.wanted)},
                       {"came", absl::ToUnixSeconds(entry.came)}});
  }
  return Json{{"version", kVersion}, {"answers", std::move(answers)}}.dump();
}

absl::StatusOr<OcspBook> OcspBook::Parse(std::string_view json) {
  if (json.size() > kMostOctets) return absl::InvalidArgumentError("is too large");
  const Json whole = Json::parse(json, nullptr, false);
  if (!whole.is_object()) return absl::InvalidArgumentError("is not a JSON object");
  try {
    if (whole.at("version").get<int>() != kVersion) return absl::InvalidArgumentError("is of another version");
    OcspBook out;
    for (const Json& each : whole.at("answers")) {
      const auto time = [&](const char* key) { return absl::FromUnixSeconds(each.at(key).get<std::int64_t>()); };
      const auto issuer = common::SpkiHash::ParseHex(each.at("issuer").get<std::string>());
      CertificateId id{.issuer = {}, .serial = each.at("serial").get<std::string>()};
      const std::string verdict = each.at("verdict").get<std::string>();
      if (!issuer.ok() || !IsSerial(id.serial)) return absl::InvalidArgumentError("names no certificate");
      id.issuer = *issuer;
      Entry entry{.wanted = time("wanted"), .came = time("came")};
      entry.answer = {.verdict = verdict == NameOf(Verdict::kGood)      ? Verdict::kGood
                                 : verdict == NameOf(Verdict::kRevoked) ? Verdict::kRevoked
                                                                        : Verdict::kUnknown,
                      .this_update = time("this_update"),
                      .next_update = time("next_update")};
      if (out.entries_.size() < kMost) out.entries_.insert_or_assign(std::move(id), entry);
    }
    return out;
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(common::StrCat("is not understood: ", error.what()));
  }
}

}  // namespace henb::x2sec::revocation
