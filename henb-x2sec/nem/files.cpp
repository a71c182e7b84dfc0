#include "henb-x2sec/nem/files.h"

#include "common/file.h"
#include "common/status.h"
#include "henb-x2sec/enrol/signing_key.h"

namespace henb::x2sec::nem {
namespace {

/// A file that is named wrongly is invalid input, whatever the reason.
absl::Status Invalid(const absl::Status& status) { return absl::InvalidArgumentError(status.message()); }

absl::StatusOr<enrol::EvpKey> ReadKey(const std::string& path, const common::Certificate& certificate) {
  absl::StatusOr<common::SecretBytes> encoded = common::ReadSecretFile(path);
  if (!encoded.ok()) return Invalid(encoded.status());
  enrol::EncodedSigningKey key(*std::move(encoded));
  ASSIGN_OR_RETURN_CTX(enrol::EvpKey out, key.For(certificate), path);
  return out;
}

}  // namespace

absl::StatusOr<std::vector<common::Certificate>> ReadCertificates(const std::string& path) {
  const absl::StatusOr<std::string> pem = common::ReadFile(path);
  if (!pem.ok()) return Invalid(pem.status());
  ASSIGN_OR_RETURN_CTX(std::vector<common::Certificate> out, common::Certificate::ChainFromPem(*pem), path);
  return out;
}

absl::StatusOr<std::shared_ptr<const DeviceList>> ReadDeviceList(const Config& config) {
  const absl::StatusOr<std::string> text = common::ReadFile(config.device_list, 64U << 20);
  if (!text.ok()) return Invalid(text.status());
  ASSIGN_OR_RETURN_CTX(DeviceList list, DeviceList::Parse(*text), config.device_list);
  return std::make_shared<const DeviceList>(std::move(list));
}

absl::StatusOr<Files> ReadFiles(const Config& config) {
  Files out;
  ASSIGN_OR_RETURN(out.server_chain, ReadCertificates(config.server_certificate));
  ASSIGN_OR_RETURN(out.server_key, ReadKey(config.server_key, out.server_chain.front()));
  ASSIGN_OR_RETURN(out.vendor_roots, ReadCertificates(config.vendor_root));
  ASSIGN_OR_RETURN(out.operator_roots, ReadCertificates(config.operator_root));
  ASSIGN_OR_RETURN(out.devices, ReadDeviceList(config));
  if (config.ra_url.empty()) return out;
  ASSIGN_OR_RETURN(out.ra_chain, ReadCertificates(config.ra_certificate));
  ASSIGN_OR_RETURN(out.ra_key, ReadKey(config.ra_key, out.ra_chain.front()));
  return out;
}

}  // namespace henb::x2sec::nem
