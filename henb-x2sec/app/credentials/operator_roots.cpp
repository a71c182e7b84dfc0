#include "henb-x2sec/app/credentials/operator_roots.h"

#include <openssl/crypto.h>
#include <openssl/x509.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/file.h"
#include "common/status.h"

namespace henb::x2sec::app {
namespace {

using common::StrCat;

/// "/O=…/CN=…", as policies write it.
std::string SubjectOf(const common::Certificate& certificate) {
  char* text = X509_NAME_oneline(X509_get_subject_name(certificate.get()), nullptr, 0);
  std::string out = text == nullptr ? "" : text;
  OPENSSL_free(text);
  return out;
}

absl::StatusOr<OperatorRoot> Parse(const nlohmann::json& json) {
  for (const char* field : {"certificate", "origin", "since"}) {
    if (!json.is_object() || !json.contains(field) || !json[field].is_string())
      return absl::DataLossError(StrCat(field, " is missing"));
  }
  auto certificate = common::Certificate::FromPem(json["certificate"].get<std::string>());
  if (!certificate.ok()) return absl::DataLossError(StrCat("certificate: ", certificate.status().message()));
  OperatorRoot out{*std::move(certificate), json["origin"].get<std::string>(), absl::InfinitePast()};
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, json["since"].get<std::string>(), &out.since, &error))
    return absl::DataLossError(StrCat("since: ", error));
  return out;
}

bool Permits(const policy::Enrolment& terms, const OperatorRoot& root) {
  if (root.origin != core::NameOf(core::RootSource::kPinned) &&
      root.origin != core::NameOf(core::RootSource::kLateBinding)) {
    return true;
  }
  const common::SpkiHash spki = root.certificate.spki();
  if (std::find(terms.pinned_roots.begin(), terms.pinned_roots.end(), spki) != terms.pinned_roots.end()) return true;
  if (!terms.late_binding.has_value()) return false;
  if (terms.late_binding->root_spki.has_value()) return *terms.late_binding->root_spki == spki;
  return SubjectOf(root.certificate) == terms.late_binding->root_subject;
}

}  // namespace

absl::StatusOr<std::vector<OperatorRoot>> ReadLearnedRoots(const std::string& path) {
  std::vector<OperatorRoot> out;
  const absl::StatusOr<std::string> text = common::ReadFile(path);
  if (absl::IsNotFound(text.status())) return out;
  RETURN_IF_ERROR(text.status());
  const nlohmann::json json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_array()) return absl::DataLossError(StrCat(path, ": not a JSON array"));
  for (const nlohmann::json& each : json) {
    absl::StatusOr<OperatorRoot> root = Parse(each);
    if (!root.ok()) return absl::DataLossError(StrCat(path, ": ", root.status().message()));
    out.push_back(*std::move(root));
  }
  return out;
}

absl::Status KeepLearnedRoot(const std::string& path, const OperatorRoot& root) {
  ASSIGN_OR_RETURN(std::vector<OperatorRoot> roots, ReadLearnedRoots(path));
  const auto same = [&](const OperatorRoot& each) { return each.certificate.der() == root.certificate.der(); };
  if (std::any_of(roots.begin(), roots.end(), same)) return absl::OkStatus();
  roots.push_back(root);
  nlohmann::json json = nlohmann::json::array();
  for (const OperatorRoot& each : roots) {
    json.push_back({{"certificate", each.certificate.pem()},
                    {"origin", each.origin},
                    {"since", absl::FormatTime(absl::RFC3339_sec, each.since, absl::UTCTimeZone())}});
  }
  return common::WriteFileAtomically(path, json.dump(1) + "\n", 0600);
}

core::RootTerms RootTermsOf(const policy::Enrolment& terms, std::vector<common::Certificate> vendor_roots) {
  core::RootTerms out;
  out.pinned = terms.pinned_roots;
  if (!terms.late_binding.has_value()) return out;
  out.bound_spki = terms.late_binding->root_spki;
  out.bound_subject = terms.late_binding->root_subject;
  out.vendor_roots = std::move(vendor_roots);
  return out;
}

std::vector<common::Certificate> UsableRoots(const policy::Enrolment& terms, const std::vector<OperatorRoot>& roots) {
  std::vector<common::Certificate> out;
  for (const OperatorRoot& root : roots) {
    if (Permits(terms, root)) out.push_back(root.certificate);
  }
  return out;
}

}  // namespace henb::x2sec::app
