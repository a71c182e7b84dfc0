#include "henb-x2sec/app/revocation/revocation_view.h"

#include "common/strings.h"

namespace henb::x2sec::app {
namespace {

using common::StrCat;

/// pluto uses an answer again for so long; a revoked neighbour may come back within it once x2secd is down.
constexpr int kMostKeptSeconds = 10;

std::string Rfc3339(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone()); }

void CheckNews(const RevocationView& view, absl::Time now, std::vector<control::DoctorFinding>* out) {
  std::vector<std::string> good;
  std::vector<std::string> bad;
  for (const IssuerView& each : view.issuers) {
    if (!each.fresh_until) {
      bad.push_back(StrCat("there never was a list of ", each.subject));
    } else if (now <= *each.fresh_until) {
      good.push_back(StrCat(each.subject, ": ", each.revoked, " revoked, fresh until ", Rfc3339(*each.fresh_until)));
    } else if (now <= each.good_until) {
      const std::string left = each.good_until == absl::InfiniteFuture()
                                   ? "the policy lets links stay"
                                   : StrCat("links stay until ", Rfc3339(each.good_until));
      bad.push_back(StrCat("the list of ", each.subject, " is over since ", Rfc3339(*each.fresh_until), "; ", left));
    } else {
      bad.push_back(StrCat("the list of ", each.subject, " is over since ", Rfc3339(*each.fresh_until),
                           ", and so is the policy's grace: its links are blocked"));
    }
  }
  if (bad.empty()) {
    out->push_back({"revocation.news", true, common::Join(good, "; "), ""});
  } else {
    out->push_back(
        {"revocation.news", false, common::Join(bad, "; "),
         "look why no newer list comes: the finding revocation.sources, and the authority that publishes it"});
  }
}

}  // namespace

absl::Status AsksOcspd(const core::OcspSettings& settings, const std::string& ocspd_uri) {
  std::vector<std::string> wrong;
  if (!settings.enabled) wrong.emplace_back("ocsp-enable is not yes");
  if (!settings.strict) wrong.emplace_back("ocsp-strict is not yes");
  if (settings.uri != ocspd_uri) {
    wrong.push_back(StrCat("ocsp-uri is ", common::Quoted(settings.uri), ", x2sec-ocspd is at ", ocspd_uri));
  }
  if (settings.trusted_name.empty()) wrong.emplace_back("ocsp-trustname is not set");
  if (wrong.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(StrCat("pluto does not ask x2sec-ocspd: ", common::Join(wrong, ", ")));
}

void CheckRevocation(const RevocationView& view, absl::Time now, std::vector<control::DoctorFinding>* out) {
  if (!view.configured) {
    out->push_back({"revocation.news", true,
                    "not checked: no list is configured, and only rules that are STRICT need one (docs/revocation.md)",
                    ""});
    return;
  }
  CheckNews(view, now, out);
  if (view.problems.empty()) {
    out->push_back({"revocation.sources", true, "every configured list was fetched at the last attempt", ""});
  } else {
    out->push_back({"revocation.sources", false, common::Join(view.problems, "; "),
                    "look whether the backhaul is up and the URL right"});
  }
  constexpr char kRemedy[] = "set pluto's ocsp-… options as docs/revocation.md says, and restart it";
  absl::Status asks = view.pluto.status();
  if (asks.ok()) asks = AsksOcspd(*view.pluto, view.ocspd_uri);
  const bool kept_long = asks.ok() && view.pluto->answers_kept_s > kMostKeptSeconds;
  if (!asks.ok()) {
    out->push_back({"revocation.pluto", false, std::string(common::ToStd(asks.message())), kRemedy});
  } else if (kept_long) {
    out->push_back({"revocation.pluto", false,
                    StrCat("pluto uses an answer for ", view.pluto->answers_kept_s, " s (ocsp-cache-max-age)"),
                    kRemedy});
  } else {
    out->push_back({"revocation.pluto", true, StrCat("pluto asks ", view.ocspd_uri, " about every certificate"), ""});
  }
  if (!view.own_revoked.empty()) {
    out->push_back({"revocation.own", false, StrCat("revoked: ", common::Join(view.own_revoked, "; ")),
                    "ask the operator why; enrol anew, or have the vendor's certificate replaced"});
  }
}

}  // namespace henb::x2sec::app
