#include "henb-x2sec/enrol/root_learning.h"

#include <algorithm>

#include "common/status.h"
#include "henb-x2sec/enrol/certificate_check.h"
#include "henb-x2sec/enrol/cmp_events.h"
#include "henb-x2sec/enrol/distinguished_name.h"

namespace henb::x2sec::enrol {
namespace {

using common::Certificate;
using Path = std::vector<Certificate>;

constexpr std::size_t kLongestCrossPath = 8;
/// Signatures verified in one search.
constexpr int kMostTries = 256;

absl::Status Refuse(std::string_view event, std::string_view text) {
  return event::Error(absl::StatusCode::kFailedPrecondition, event, text);
}

bool IsSignedBy(const Certificate& certificate, const Certificate& issuer) {
  if (X509_NAME_cmp(X509_get_issuer_name(certificate.get()), X509_get_subject_name(issuer.get())) != 0) return false;
  EVP_PKEY* key = X509_get0_pubkey(issuer.get());
  const bool good = key != nullptr && X509_verify(certificate.get(), key) == 1;
  (void)common::DrainOpensslErrors();
  return good;
}

bool IsRoot(const Certificate& certificate) {
  return certificate.is_self_issued() && X509_check_ca(certificate.get()) == 1 && IsSignedBy(certificate, certificate);
}

/// Depth first over the cross-certificates that were offered, each path tried whole: the first issuer that fits by name
/// may lead nowhere.
class CrossSearch {
 public:
  CrossSearch(const std::vector<Certificate>& offered, const core::RootTerms& terms, absl::Time now)
      : terms_(terms), now_(now) {
    for (const Certificate& each : offered) {
      if (!each.is_self_issued() && X509_check_ca(each.get()) == 1) offered_.push_back(each);
    }
  }

  /// From a cross-certificate for `root` to a vendor root; empty when none holds, and why() says so.
  Path To(const Certificate& root) {
    for (const Certificate& cross : offered_) {
      if (cross.spki() != root.spki() ||
          X509_NAME_cmp(X509_get_subject_name(cross.get()), X509_get_subject_name(root.get())) != 0) {
        continue;
      }
      Path path = {cross};
      if (Extend(&path)) return path;
    }
    return {};
  }
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  bool Try(const Certificate& certificate, const Certificate& issuer) {
    return ++tries_ <= kMostTries && IsSignedBy(certificate, issuer);
  }

  bool Extend(Path* path) {
    for (const Certificate& vendor : terms_.vendor_roots) {
      if (!Try(path->back(), vendor)) continue;
      path->push_back(vendor);
      const absl::Status valid = CheckExactPath(*path, now_);
      if (valid.ok()) return true;
      why_ = std::string(common::ToStd(valid.message()));
      path->pop_back();
    }
    if (path->size() >= kLongestCrossPath) return false;
    for (const Certificate& next : offered_) {
      const bool used =
          std::any_of(path->begin(), path->end(), [&](const auto& each) { return each.der() == next.der(); });
      if (used || !Try(path->back(), next)) continue;
      path->push_back(next);
      if (Extend(path)) return true;
      path->pop_back();
    }
    return false;
  }

  const core::RootTerms& terms_;
  const absl::Time now_;
  Path offered_;
  int tries_ = 0;
  std::string why_ = "no cross-certificate leads from the vendor root to it";
};

bool Names(const core::RootTerms& terms, const X509_NAME* subject, const Certificate& root) {
  if (terms.bound_spki.has_value()) return root.spki() == *terms.bound_spki;
  return subject != nullptr && X509_NAME_cmp(X509_get_subject_name(root.get()), subject) == 0;
}

}  // namespace

absl::StatusOr<LearnedRoot> LearnRoot(const std::vector<Certificate>& offered, const core::RootTerms& terms,
                                      absl::Time now) {
  OpensslPtr<X509_NAME> subject;
  if (!terms.bound_subject.empty()) {
    ASSIGN_OR_RETURN_CTX(subject, ParseDistinguishedName(terms.bound_subject), "late_binding.root_subject");
  }
  CrossSearch search(offered, terms, now);
  absl::Status refusal;
  std::string seen;
  for (const Certificate& root : offered) {
    if (!IsRoot(root)) continue;
    common::StrAppend(&seen, seen.empty() ? "" : ", ", root.subject(), " (", root.spki().ToHex(), ")");
    const bool pinned = std::find(terms.pinned.begin(), terms.pinned.end(), root.spki()) != terms.pinned.end();
    if (!pinned && !Names(terms, subject.get(), root)) continue;
    if (now < root.not_before() || now >= root.not_after()) {
      refusal = Refuse(event::kUnpinnedRoot, common::StrCat("the root ", root.subject(), " is not valid now"));
      continue;
    }
    if (pinned) return LearnedRoot{root, core::RootSource::kPinned, {}};
    Path path = search.To(root);
    if (!path.empty()) return LearnedRoot{root, core::RootSource::kLateBinding, std::move(path)};
    refusal = Refuse(event::kCrossCertificate, common::StrCat("the root ", root.subject(), ": ", search.why()));
  }
  if (!refusal.ok()) return refusal;
  if (seen.empty()) return Refuse(event::kUnpinnedRoot, "the answer brings no root, and the device has none");
  return Refuse(event::kUnpinnedRoot,
                common::StrCat("no root that the policy lets in; the answer brings ", seen.substr(0, 400)));
}

absl::Status HoldsThroughCross(const Certificate& leaf, const std::vector<Certificate>& intermediates,
                               const LearnedRoot& learned, absl::Time now) {
  if (learned.cross_path.empty()) return absl::OkStatus();
  Path path = {leaf};
  path.insert(path.end(), intermediates.begin(), intermediates.end());
  path.insert(path.end(), learned.cross_path.begin(), learned.cross_path.end());
  return CheckExactPath(path, now);
}

}  // namespace henb::x2sec::enrol
