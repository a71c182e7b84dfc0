#include "henb-x2sec/app/revocation/authorities.h"

#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>

#include "common/file.h"
#include "common/status.h"
#include "henb-x2sec/app/config/service_url.h"
#include "henb-x2sec/app/credentials/certificate_path.h"

namespace henb::x2sec::app {
namespace {

using common::Certificate;
using common::StrCat;

void AddOnce(std::vector<Authority>* out, Authority authority) {
  const bool known = std::any_of(out->begin(), out->end(), [&](const Authority& each) {
    return each.certificate.spki() == authority.certificate.spki();
  });
  if (!known) out->push_back(std::move(authority));
}

void AddPath(std::vector<Authority>* out, const Credential& credential, Side side) {
  for (const Certificate& each : credential.intermediates) AddOnce(out, {each, credential.anchor.spki(), side});
}

bool HasDistributionPoints(const RevocationConfig& config) { return !config.distribution_point_hosts.empty(); }

std::vector<const Certificate*> OwnCertificates(const Credentials& credentials) {
  std::vector<const Certificate*> out;
  const auto add = [&](const Credential& credential) {
    out.push_back(&credential.certificate);
    for (const Certificate& each : credential.intermediates) out.push_back(&each);
  };
  add(credentials.vendor());
  if (credentials.operator_credential()) add(*credentials.operator_credential());
  return out;
}

}  // namespace

std::vector<std::string> DistributionPoints(const Certificate& certificate) {
  std::vector<std::string> out;
  const std::unique_ptr<CRL_DIST_POINTS, decltype(&CRL_DIST_POINTS_free)> points(
      static_cast<CRL_DIST_POINTS*>(X509_get_ext_d2i(certificate.get(), NID_crl_distribution_points, nullptr, nullptr)),
      CRL_DIST_POINTS_free);
  for (int i = 0; points != nullptr && i < sk_DIST_POINT_num(points.get()); ++i) {
    const DIST_POINT* point = sk_DIST_POINT_value(points.get(), i);
    const bool whole = point->reasons == nullptr && point->CRLissuer == nullptr;
    if (!whole || point->distpoint == nullptr || point->distpoint->type != 0) continue;
    const GENERAL_NAMES* names = point->distpoint->name.fullname;
    for (int j = 0; j < sk_GENERAL_NAME_num(names); ++j) {
      const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, j);
      if (name->type != GEN_URI) continue;
      const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
      std::string url(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                      static_cast<std::size_t>(ASN1_STRING_length(uri)));
      const bool plain = std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < 127; });
      if (url.starts_with("http://") && plain) out.push_back(std::move(url));
    }
  }
  return out;
}

std::vector<std::string> ListUrls(const RevocationConfig& config, const Credentials& credentials) {
  std::vector<std::string> urls;
  const auto add = [&](const std::string& url) {
    if (std::find(urls.begin(), urls.end(), url) == urls.end()) urls.push_back(url);
  };
  for (const std::string& url : config.vendor_lists) add(url);
  for (const std::string& url : config.operator_lists) add(url);
  if (!HasDistributionPoints(config)) return urls;
  const std::vector<std::string>& allowed = config.distribution_point_hosts;
  for (const Certificate* each : OwnCertificates(credentials)) {
    for (const std::string& url : DistributionPoints(*each)) {
      if (std::find(allowed.begin(), allowed.end(), HostOf(url)) != allowed.end()) add(url);
    }
  }
  return urls;
}

absl::StatusOr<std::vector<Authority>> AuthoritiesOf(const RevocationConfig& config, const Credentials& credentials) {
  std::vector<Authority> out;
  std::vector<Certificate> roots;
  const auto add_side = [&](Side side, const std::vector<Certificate>& anchors, const Credential* own) {
    if (own != nullptr) AddPath(&out, *own, side);
    for (const Certificate& root : anchors) AddOnce(&out, {root, root.spki(), side});
    roots.insert(roots.end(), anchors.begin(), anchors.end());
  };
  const std::optional<Credential>& enrolled = credentials.operator_credential();
  if (!config.vendor_lists.empty() || !config.vendor_ocsp.empty() || HasDistributionPoints(config))
    add_side(Side::kVendor, credentials.vendor_roots(), &credentials.vendor());
  if (!config.operator_lists.empty() || !config.operator_ocsp.empty() || (HasDistributionPoints(config) && enrolled))
    add_side(Side::kOperator, credentials.operator_roots(), enrolled ? &*enrolled : nullptr);
  if (!config.authorities) return out;
  ASSIGN_OR_RETURN(const std::string pem, common::ReadFile(*config.authorities));
  ASSIGN_OR_RETURN_CTX(const std::vector<Certificate> more, Certificate::ChainFromPem(pem), *config.authorities);
  for (const Certificate& each : more) {
    const auto path = FindPath(each, more, roots);
    if (!path.ok() || X509_check_ca(each.get()) == 0) {
      return absl::InvalidArgumentError(StrCat(*config.authorities, ": ", each.subject(),
                                               " is not a CA below a root whose lists or responders are configured"));
    }
    const auto root = std::find_if(out.begin(), out.end(),
                                   [&](const Authority& known) { return known.anchor == path->anchor.spki(); });
    AddOnce(&out, {each, path->anchor.spki(), root == out.end() ? Side::kVendor : root->side});
  }
  return out;
}

std::vector<core::BackhaulOnlyService> ListServices(const std::vector<std::string>& urls,
                                                    const policy::Policy* policy) {
  std::vector<core::BackhaulOnlyService> out;
  const bool elsewhere = policy != nullptr && policy->enrolment.has_value() &&
                         policy->enrolment->transport != policy::Transport::kBackhaul;
  if (elsewhere) return out;
  for (const std::string& url : urls) {
    if (const auto service = ServiceOf(url)) out.push_back(*service);
  }
  return out;
}

}  // namespace henb::x2sec::app
