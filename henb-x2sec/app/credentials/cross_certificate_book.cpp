#include "henb-x2sec/app/credentials/cross_certificate_book.h"

#include <nlohmann/json.hpp>

#include "common/file.h"
#include "common/status.h"

namespace henb::x2sec::app {
namespace {

using common::Certificate;
using common::StrCat;

absl::StatusOr<std::vector<Certificate>> CertificatesOf(const nlohmann::json& list) {
  if (!list.is_array()) return absl::DataLossError("not a list");
  std::vector<Certificate> out;
  for (const nlohmann::json& each : list) {
    if (!each.is_string()) return absl::DataLossError(StrCat("[", out.size(), "] is no text"));
    auto certificate = Certificate::FromPem(each.get<std::string>());
    if (!certificate.ok()) {
      return absl::DataLossError(StrCat("[", out.size(), "]: ", certificate.status().message()));
    }
    out.push_back(*std::move(certificate));
  }
  return out;
}

}  // namespace

absl::StatusOr<CrossCertificateBook> ReadCrossCertificateBook(const std::string& path) {
  CrossCertificateBook book;
  const absl::StatusOr<std::string> text = common::ReadFile(path);
  if (absl::IsNotFound(text.status())) return book;
  RETURN_IF_ERROR(text.status());
  const nlohmann::json json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object()) return absl::DataLossError(StrCat(path, ": not a JSON object"));
  for (const auto& [url, list] : json.items()) {
    auto certificates = CertificatesOf(list);
    if (!certificates.ok()) {
      return absl::DataLossError(StrCat(path, ": \"", url, "\": ", certificates.status().message()));
    }
    book[url] = *std::move(certificates);
  }
  return book;
}

absl::Status WriteCrossCertificateBook(const std::string& path, const CrossCertificateBook& book) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [url, certificates] : book) {
    nlohmann::json list = nlohmann::json::array();
    for (const Certificate& each : certificates) list.push_back(each.pem());
    json[url] = std::move(list);
  }
  const std::string text = json.dump(1) + "\n";
  const absl::StatusOr<std::string> there = common::ReadFile(path);
  if (there.ok() && *there == text) return absl::OkStatus();
  return common::WriteFileAtomically(path, text, 0600);
}

CrossCertificateBook OnlyOf(const CrossCertificateBook& book, const std::set<std::string>& urls) {
  CrossCertificateBook out;
  for (const auto& [url, certificates] : book) {
    if (urls.contains(url)) out.emplace(url, certificates);
  }
  return out;
}

std::vector<Certificate> DifferenceOf(const CrossCertificateBook& one, const CrossCertificateBook& other) {
  std::set<std::string> seen;
  for (const auto& [url, certificates] : other) {
    for (const Certificate& each : certificates) seen.insert(std::string(each.der()));
  }
  std::vector<Certificate> out;
  for (const auto& [url, certificates] : one) {
    for (const Certificate& each : certificates) {
      if (seen.insert(std::string(each.der())).second) out.push_back(each);
    }
  }
  return out;
}

}  // namespace henb::x2sec::app
