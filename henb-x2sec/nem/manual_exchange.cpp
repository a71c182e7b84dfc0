#include "henb-x2sec/nem/manual_exchange.h"

#include <openssl/pem.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "common/file.h"
#include "common/status.h"
#include "henb-x2sec/enrol/certificate_check.h"
#include "henb-x2sec/enrol/pkcs10.h"

namespace henb::x2sec::nem {
namespace {

constexpr std::size_t kIdInName = 16;

absl::StatusOr<std::string> PemOf(const enrol::Pkcs10& pkcs10) {
  const enrol::OpensslPtr<BIO> out(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509_REQ(out.get(), pkcs10.request.get()) != 1)
    return absl::InternalError(common::DrainOpensslErrors());
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

absl::Status NotListed() { return absl::PermissionDeniedError("the device is not on the operator's list"); }

struct FileOfCertificates {
  std::string name;
  absl::StatusOr<std::vector<common::Certificate>> certificates;
};

absl::StatusOr<std::vector<common::Certificate>> ReadOne(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string content, common::ReadFile(path));
  if (content.find("-----BEGIN") != std::string::npos) return common::Certificate::ChainFromPem(content);
  ASSIGN_OR_RETURN(common::Certificate certificate, common::Certificate::FromDer(content));
  return std::vector<common::Certificate>{std::move(certificate)};
}

absl::StatusOr<std::vector<FileOfCertificates>> ReadFolder(const std::string& folder) {
  std::error_code error;
  std::vector<FileOfCertificates> out;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string extension = it->path().extension();
    if (extension != ".pem" && extension != ".crt" && extension != ".cer") continue;
    out.push_back({it->path().filename(), ReadOne(it->path())});
  }
  if (error) return absl::InvalidArgumentError(common::StrCat(folder, ": ", error.message()));
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

/// Requests that a certificate is waited for, by their keys.
absl::StatusOr<std::map<common::SpkiHash, Request>> Waiting(RequestStore& store) {
  std::map<common::SpkiHash, Request> out;
  for (const RequestState state : {RequestState::kExported, RequestState::kPending}) {
    ASSIGN_OR_RETURN(std::vector<Request> requests, store.InState(state));
    for (Request& each : requests) {
      ASSIGN_OR_RETURN_CTX(const enrol::Pkcs10 pkcs10, enrol::ParsePkcs10(each.pkcs10), each.id);
      out.emplace(pkcs10.spki, std::move(each));
    }
  }
  return out;
}

absl::Status Install(RequestStore& store, Request request, const common::Certificate& certificate,
                     const std::vector<common::Certificate>& others,
                     const std::vector<common::Certificate>& operator_roots, absl::Time now) {
  ASSIGN_OR_RETURN(const enrol::Pkcs10 pkcs10, enrol::ParsePkcs10(request.pkcs10));
  const enrol::CertificateTerms terms{pkcs10.public_key.get(), pkcs10.subject(), pkcs10.identity, operator_roots, now};
  enrol::Rejection rejection;
  const auto path = enrol::CheckIssuedCertificate(certificate, others, terms, &rejection);
  if (!path.has_value()) return rejection.status;
  return store.Transact([&]() -> absl::Status {
    ASSIGN_OR_RETURN(std::optional<Request> there, store.Find(request.id));
    const bool waits =
        there.has_value() && (there->state == RequestState::kExported || there->state == RequestState::kPending);
    if (!waits) return absl::FailedPreconditionError("the request has changed meanwhile");
    there->state = RequestState::kIssued;
    there->changed = now;
    there->detail = "imported";
    there->chain = {path->certificate};
    there->chain.insert(there->chain.end(), path->intermediates.begin(), path->intermediates.end());
    return store.Put(*there);
  });
}

}  // namespace

absl::StatusOr<std::vector<ManualItem>> ExportRequests(RequestStore& store, const DeviceList& devices,
                                                       const std::string& folder, absl::Time now) {
  RETURN_IF_ERROR(common::MakeDirectories(folder, 0755));
  std::vector<ManualItem> out;
  // Held while the files are written: no batch asks for what is exported.
  const absl::Status exported = store.Transact([&]() -> absl::Status {
    ASSIGN_OR_RETURN(std::vector<Request> pending, store.InState(RequestState::kPending));
    for (Request& request : pending) {
      if (!devices.Allows(request.device)) {
        out.push_back({"", request.device.str(), NotListed()});
        continue;
      }
      ASSIGN_OR_RETURN_CTX(const enrol::Pkcs10 pkcs10, enrol::ParsePkcs10(request.pkcs10), request.id);
      ASSIGN_OR_RETURN(const std::string pem, PemOf(pkcs10));
      const std::string name = common::StrCat(request.device.str(), "-", request.id.substr(0, kIdInName), ".csr");
      RETURN_IF_ERROR(common::WriteFileAtomically(common::StrCat(folder, "/", name), pem, 0644));
      request.state = RequestState::kExported;
      request.changed = now;
      request.detail = "";
      RETURN_IF_ERROR(store.Put(request));
      out.push_back({name, request.device.str(), absl::OkStatus()});
    }
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(exported);
  return out;
}

absl::StatusOr<std::vector<ManualItem>> ImportCertificates(RequestStore& store, const DeviceList& devices,
                                                           const std::string& folder,
                                                           const std::vector<common::Certificate>& operator_roots,
                                                           absl::Time now) {
  ASSIGN_OR_RETURN(const std::vector<FileOfCertificates> files, ReadFolder(folder));
  std::vector<common::Certificate> all;
  for (const FileOfCertificates& file : files) {
    if (file.certificates.ok()) all.insert(all.end(), file.certificates->begin(), file.certificates->end());
  }
  ASSIGN_OR_RETURN(const auto waiting, Waiting(store));
  std::vector<ManualItem> out;
  for (const FileOfCertificates& file : files) {
    if (!file.certificates.ok()) {
      out.push_back({file.name, "", file.certificates.status()});
      continue;
    }
    const common::Certificate& certificate = file.certificates->front();
    if (X509_check_ca(certificate.get()) != 0) continue;
    const auto request = waiting.find(certificate.spki());
    if (request == waiting.end()) {
      out.push_back({file.name, "", absl::NotFoundError("no request that waits is for its key")});
      continue;
    }
    const common::HenbId& device = request->second.device;
    const absl::Status installed =
        devices.Allows(device) ? Install(store, request->second, certificate, all, operator_roots, now) : NotListed();
    out.push_back({file.name, device.str(), installed});
  }
  return out;
}

absl::Status RetryRequest(RequestStore& store, const std::string& id, absl::Time now) {
  return store.Transact([&]() -> absl::Status {
    ASSIGN_OR_RETURN(std::optional<Request> request, store.Find(id));
    if (!request.has_value()) return absl::NotFoundError(common::StrCat("no request ", id));
    if (request->state != RequestState::kExported && request->state != RequestState::kRefused)
      return absl::FailedPreconditionError(common::StrCat("request ", id, " is ", NameOf(request->state)));
    request->state = RequestState::kPending;
    request->changed = now;
    request->next_attempt = now;
    request->detail = "asked for again by the operator";
    return store.Put(*request);
  });
}

}  // namespace henb::x2sec::nem
