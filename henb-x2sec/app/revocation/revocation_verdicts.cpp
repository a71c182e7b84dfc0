// RevocationWatch: what it leaves for x2sec-ocspd, and what follows from it.
#include <algorithm>
#include <utility>

#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/app/revocation/revocation_watch.h"

namespace henb::x2sec::app {
namespace {

constexpr absl::Duration kLearnAfter = absl::Seconds(1);
constexpr absl::Duration kLearnDeadline = absl::Seconds(5);
constexpr std::size_t kMostAsked = 256U << 10;

std::string FileOf(const Config& config) { return common::StrCat(config.state_dir, "/verdicts.json"); }

/// But for the time at which they were made.
bool SameWord(const revocation::Verdicts& a, const revocation::Verdicts& b) { return a.issuers == b.issuers; }

std::uint64_t NewestSerial(const absl::StatusOr<core::IkeSnapshot>& ike) {
  std::uint64_t newest = 0;
  if (!ike.ok()) return newest;
  for (const core::IkeSa& sa : ike->ike_sas) newest = std::max(newest, sa.serial);
  return newest;
}

}  // namespace

revocation::IssuerVerdicts RevocationWatch::VerdictsOf(const Authority& authority, absl::Time now) const {
  const common::SpkiHash issuer = authority.certificate.spki();
  const revocation::CertificateList* list = cache_.Find(issuer);
  revocation::IssuerVerdicts out{.issuer = revocation::IssuerId::Of(authority.certificate),
                                 .revoked = ocsp_.Revoked(issuer),
                                 .links_shut = now > GoodUntil(authority),
                                 .by_ocsp = ocsp_.Has(authority.side)};
  if (list != nullptr) {
    out.revoked.insert(out.revoked.end(), list->revoked.begin(), list->revoked.end());
    std::sort(out.revoked.begin(), out.revoked.end());
    out.revoked.erase(std::unique(out.revoked.begin(), out.revoked.end()), out.revoked.end());
  }
  // A list speaks of every certificate, a responder of those it was asked about. (1970: never.)
  out.good_until =
      std::max(absl::UnixEpoch(), GoodByTheLongestTerms(list == nullptr ? absl::InfinitePast() : list->next_update));
  for (const auto& [serial, answer] : ocsp_.Good(issuer)) {
    out.good.emplace(serial, GoodByTheLongestTerms(answer.next_update));
  }
  return out;
}

revocation::Verdicts RevocationWatch::MakeVerdicts() const {
  const absl::Time now = parts_.clock.Now();
  revocation::Verdicts verdicts{.made = now, .issuers = {}};
  for (const Authority& each : authorities_) verdicts.issuers.push_back(VerdictsOf(each, now));
  return verdicts;
}

void RevocationWatch::LeaveVerdicts() {
  if (leaving_) return;  // the end of it looks again
  revocation::Verdicts verdicts = MakeVerdicts();
  if (left_ && SameWord(*left_, verdicts) && newly_revoked_.empty()) {
    SaveLists();
    return;
  }
  leaving_ = true;
  left_ = verdicts;
  const bool prove = !newly_revoked_.empty();
  parts_.worker.Run(
      [path = FileOf(parts_.config), verdicts = std::move(verdicts)] {
        return common::WriteFileAtomically(path, revocation::Serialise(verdicts), 0600);
      },
      [this, prove](const absl::Status& written) { VerdictsLeft(written, prove); });
}

void RevocationWatch::VerdictsLeft(const absl::Status& written, bool prove) {
  leaving_ = false;
  if (!written.ok()) {
    common::LogAlarm("revocation.verdicts_not_left", {{"error", written}});
    left_.reset();  // the slow timer tries again
    return;
  }
  if (prove) {
    ForgetAndProve();
  } else {
    LeaveVerdicts();
  }
}

/// pluto keeps answers for a while: it must ask anew before anybody proves himself.
void RevocationWatch::ForgetAndProve() {
  std::vector<std::string> revoked = std::exchange(newly_revoked_, {});
  if (parts_.ike == nullptr) return;
  parts_.ike_worker.Run(
      [ike = parts_.ike]() -> absl::StatusOr<core::IkeSnapshot> {
        RETURN_IF_ERROR(ike->ForgetOcspAnswers());
        return ike->States();
      },
      [this, revoked = std::move(revoked)](const absl::StatusOr<core::IkeSnapshot>& ike) {
        // A pluto that does not answer cannot prove anybody: the links are told all the same, and shut what is not
        // proven.
        if (!ike.ok()) common::LogAlarm("revocation.pluto_not_told", {{"error", ike.status()}});
        parts_.prove_again(NewestSerial(ike), [&](const common::HenbId& id) { return serials_.Has(id, revoked); });
        LeaveVerdicts();
      });
}

void RevocationWatch::Authenticated(const common::HenbId& id) {
  if (!configured()) return;
  if (authenticated_.empty()) parts_.loop.After(kLearnAfter, [this] { LearnSerials(); });
  authenticated_[id] = parts_.clock.Now();
}

/// What pluto asked when it authenticated them.
void RevocationWatch::LearnSerials() {
  parts_.worker.Run(
      [fetcher = &parts_.fetcher, url = common::StrCat(parts_.config.revocation.ocspd_uri, "asked")] {
        return fetcher->Get({.url = url, .deadline = kLearnDeadline, .most_octets = kMostAsked});
      },
      [this](const absl::StatusOr<core::HttpAnswer>& answer) {
        const auto asked = answer.ok() ? revocation::ParseAsked(answer->body)
                                       : absl::StatusOr<std::vector<revocation::Asked>>(answer.status());
        if (!asked.ok()) common::LogDebug("revocation.serials_not_learned", {{"error", asked.status()}});
        const std::vector<revocation::Asked> questions = asked.ok() ? *asked : std::vector<revocation::Asked>{};
        for (const auto& [id, when] : std::exchange(authenticated_, {})) serials_.Learn(id, when, questions);
      });
}

void RevocationWatch::SaveLists() {
  ocsp_.Proven();
  for (Saving& each : std::exchange(to_save_, {})) {
    parts_.worker.Run([directory = cache_.directory(), issuer = each.issuer,
                       der = std::move(each.der)] { return revocation::ListCache::Save(directory, issuer, der); },
                      [](const absl::Status& saved) {
                        if (!saved.ok()) common::LogWarning("revocation.list_not_kept", {{"error", saved}});
                      });
  }
}

}  // namespace henb::x2sec::app
