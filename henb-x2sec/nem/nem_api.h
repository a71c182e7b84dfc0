// What devices may ask of nem-gateway over HTTPS (docs/nem.md).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "common/clock.h"
#include "henb-x2sec/nem/device_list.h"
#include "henb-x2sec/nem/https_server.h"
#include "henb-x2sec/nem/request_store.h"

namespace henb::x2sec::nem {

/// POST /nem/v1/requests              application/pkcs10 (DER)  → 202 and the request's place
/// GET  /nem/v1/requests/ID           → 202 not yet, 200 application/pem-certificate-chain, 410 refused
/// POST /nem/v1/requests/ID/result    application/json {"taken": true} or {"taken": false, "reason": "…"} → 204
///
/// A device is who its TLS certificate says (MESSAGES: exactly one dNSName, and the vendor root); it sees its own
/// requests alone. One thread.
class NemApi {
 public:
  struct Parts {
    RequestStore& store;
    const common::Clock& clock;
    std::uint64_t requests_per_hour = 12;  ///< Of one device.
    absl::Duration revoke_old_after = absl::Hours(1);
    std::function<void()> work_waits;  ///< Something is for the RA/CA.
  };
  explicit NemApi(Parts parts) : parts_(std::move(parts)), devices_(std::make_shared<DeviceList>()) {}

  [[nodiscard]] HttpAnswer Handle(const HttpCall& call);
  void SetDevices(std::shared_ptr<const DeviceList> devices) { devices_ = std::move(devices); }

 private:
  HttpAnswer Upload(const common::HenbId& device, const HttpCall& call);
  HttpAnswer Collect(const common::HenbId& device, const std::string& id);
  HttpAnswer TakeResult(const common::HenbId& device, const std::string& id, const HttpCall& call);
  absl::StatusOr<Request> OwnRequest(const common::HenbId& device, const std::string& id);

  Parts parts_;
  std::shared_ptr<const DeviceList> devices_;
};

}  // namespace henb::x2sec::nem
