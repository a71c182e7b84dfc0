#include "henb-x2sec/revocation/verdicts.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/strings.h"

namespace henb::x2sec::revocation {
namespace {

using Json = nlohmann::json;

constexpr int kVersion = 1;

/// Seconds since 1970; null is the infinite future.
Json TimeJson(absl::Time time) {
  return time == absl::InfiniteFuture() ? Json(nullptr) : Json(absl::ToUnixSeconds(time));
}

absl::Time ReadTime(const Json& value) {
  return value.is_null() ? absl::InfiniteFuture() : absl::FromUnixSeconds(value.get<std::int64_t>());
}

bool IsHash(const std::string& text, std::size_t octets) {
  return text.size() == 2 * octets && common::FromHex(text).has_value();
}

IssuerVerdicts ReadIssuer(const Json& from) {
  IssuerVerdicts out;
  out.issuer = {.name_sha1 = from.at("name_sha1").get<std::string>(),
                .key_sha1 = from.at("key_sha1").get<std::string>(),
                .name_sha256 = from.at("name_sha256").get<std::string>(),
                .key_sha256 = from.at("key_sha256").get<std::string>()};
  out.good_until = ReadTime(from.at("good_until"));
  out.links_shut = from.at("links_shut").get<bool>();
  out.revoked = from.at("revoked").get<std::vector<std::string>>();
  out.by_ocsp = from.value("by_ocsp", false);
  if (from.contains("good")) {
    for (const auto& [serial, until] : from.at("good").items()) out.good.emplace(serial, ReadTime(until));
  }
  return out;
}

bool Sound(const IssuerVerdicts& issuer) {
  return IsHash(issuer.issuer.name_sha1, 20) && IsHash(issuer.issuer.key_sha1, 20) &&
         IsHash(issuer.issuer.name_sha256, 32) && IsHash(issuer.issuer.key_sha256, 32) &&
         std::is_sorted(issuer.revoked.begin(), issuer.revoked.end());
}

/// Null: none of ours.
const IssuerVerdicts* Find(const Verdicts& verdicts, const Subject& subject) {
  const auto named = [&](const IssuerVerdicts& each) {
    const IssuerId& id = each.issuer;
    return subject.name_hash == (subject.sha256 ? id.name_sha256 : id.name_sha1) &&
           subject.key_hash == (subject.sha256 ? id.key_sha256 : id.key_sha1);
  };
  const auto it = std::find_if(verdicts.issuers.begin(), verdicts.issuers.end(), named);
  return it == verdicts.issuers.end() ? nullptr : &*it;
}

}  // namespace

Verdict VerdictFor(const Verdicts& verdicts, const Subject& subject, absl::Time now) {
  const IssuerVerdicts* issuer = Find(verdicts, subject);
  if (issuer == nullptr) return Verdict::kGood;
  if (std::binary_search(issuer->revoked.begin(), issuer->revoked.end(), subject.serial)) return Verdict::kRevoked;
  if (issuer->links_shut || issuer->good_until == absl::InfiniteFuture()) return Verdict::kGood;
  const auto answered = issuer->good.find(subject.serial);
  const absl::Time until =
      answered == issuer->good.end() ? issuer->good_until : std::max(issuer->good_until, answered->second);
  return now <= until && now + kClockSkew >= verdicts.made ? Verdict::kGood : Verdict::kUnknown;
}

bool IsAwaited(const Verdicts& verdicts, const Subject& subject, absl::Time now) {
  const IssuerVerdicts* issuer = Find(verdicts, subject);
  return issuer != nullptr && issuer->by_ocsp && !issuer->good.contains(subject.serial) &&
         VerdictFor(verdicts, subject, now) == Verdict::kUnknown;
}

std::string Serialise(const Verdicts& verdicts) {
  Json issuers = Json::array();
  for (const IssuerVerdicts& each : verdicts.issuers) {
    Json good = Json::object();
    for (const auto& [serial, until] : each.good) good[serial] = TimeJson(until);
    issuers.push_back({{"name_sha1", each.issuer.name_sha1},
                       {"key_sha1", each.issuer.key_sha1},
                       {"name_sha256", each.issuer.name_sha256},
                       {"key_sha256", each.issuer.key_sha256},
                       {"good_until", TimeJson(each.good_until)},
                       {"links_shut", each.links_shut},
                       {"by_ocsp", each.by_ocsp},
                       {"good", std::move(good)},
                       {"revoked", each.revoked}});
  }
  const Json whole = {{"version", kVersion}, {"made", TimeJson(verdicts.made)}, {"issuers", std::move(issuers)}};
  return whole.dump();
}

absl::StatusOr<Verdicts> ParseVerdicts(std::string_view json) {
  if (json.size() > kMostVerdictOctets) return absl::InvalidArgumentError("is too large");
  const Json whole = Json::parse(json, nullptr, false);
  if (!whole.is_object()) return absl::InvalidArgumentError("is not a JSON object");
  try {
    if (whole.at("version").get<int>() != kVersion) return absl::InvalidArgumentError("is of another version");
    Verdicts out{.made = ReadTime(whole.at("made")), .issuers = {}};
    for (const Json& each : whole.at("issuers")) {
      out.issuers.push_back(ReadIssuer(each));
      if (!Sound(out.issuers.back())) return absl::InvalidArgumentError("has an issuer that cannot be read");
    }
    return out;
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(common::StrCat("is not understood: ", error.what()));
  }
}

}  // namespace henb::x2sec::revocation
