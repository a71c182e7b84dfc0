// Manual mode: requests out to a folder, certificates in from one, when the RA/CA is offline.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/certificate.h"
#include "henb-x2sec/nem/device_list.h"
#include "henb-x2sec/nem/request_store.h"

namespace henb::x2sec::nem {

struct ManualItem {
  std::string file;
  std::string device;  ///< Empty where it is not known.
  absl::Status status;
};

/// Writes every request that waits as DEVICE-<16 digits of its id>.csr (PKCS#10, PEM) into `folder`, which is made;
/// then they are in the operator's hands (kExported) and no batch takes them. Errors: the folder's or the store's; what
/// was written before is exported. A device that is no longer on the list is passed over, with PermissionDenied.
[[nodiscard]] absl::StatusOr<std::vector<ManualItem>> ExportRequests(RequestStore& store, const DeviceList& devices,
                                                                     const std::string& folder, absl::Time now);

/// Reads every .pem, .crt and .cer file of `folder` (PEM, the device's certificate first, or one in DER). Each finds
/// its request by its key, and must hold as one that CMP brings (certificate_check.h), with the other certificates of
/// the folder as intermediates. One that does not leaves the others untouched; CA certificates are passed over.
[[nodiscard]] absl::StatusOr<std::vector<ManualItem>> ImportCertificates(
    RequestStore& store, const DeviceList& devices, const std::string& folder,
    const std::vector<common::Certificate>& operator_roots, absl::Time now);

/// Exported or refused requests wait for the RA/CA again. NotFound; FailedPrecondition names its state.
[[nodiscard]] absl::Status RetryRequest(RequestStore& store, const std::string& id, absl::Time now);

}  // namespace henb::x2sec::nem
