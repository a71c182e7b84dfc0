// One device's request for a certificate, as nem-gateway keeps it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/certificate.h"
#include "common/henb_id.h"

namespace henb::x2sec::nem {

/// Numbers are those of the store's file.
enum class RequestState : std::uint8_t {
  kPending = 1,     ///< Waits for its batch, or for its next attempt.
  kSending = 2,     ///< Is being asked of the RA/CA; nothing was accepted yet.
  kConfirming = 3,  ///< A certificate was accepted; whether the RA/CA knows is unknown.
  kIssued = 4,      ///< Waits for its device.
  kTaken = 5,       ///< The device has installed it.
  kRefused = 6,     ///< By the RA/CA, or because the device is not on the operator's list.
  kRejected = 7,    ///< By the device: the certificate did not hold.
  kExported = 8,    ///< In the operator's hands (manual mode).
  kReplaced = 9     ///< The device has uploaded another.
};
inline constexpr std::array kAllStates = {RequestState::kPending,  RequestState::kSending,  RequestState::kConfirming,
                                          RequestState::kIssued,   RequestState::kTaken,    RequestState::kRefused,
                                          RequestState::kRejected, RequestState::kExported, RequestState::kReplaced};

/// "PENDING", …
[[nodiscard]] std::string_view NameOf(RequestState state);
[[nodiscard]] std::optional<RequestState> StateNamed(std::string_view name);

/// A value. Holds no secret of the device: its private key never left it.
struct Request {
  std::string id;  ///< SHA-256 of the PKCS#10, hexadecimal.
  common::HenbId device;
  std::string pkcs10;  ///< DER.
  RequestState state = RequestState::kPending;
  absl::Time received;
  absl::Time changed;
  std::uint32_t attempts = 0;
  absl::Time next_attempt;
  std::vector<common::Certificate> chain{};  ///< The certificate, then its intermediates; empty before there is one.
  bool collected = false;                    ///< The device has fetched it.
  std::optional<absl::Time> revoke_at{};     ///< An rr for it is due then.
  bool revoked = false;                      ///< The RA/CA has answered an rr for it.
  std::string detail{};                      ///< Why it is as it is, for people.

  /// The RA/CA may hold a valid certificate for it.
  [[nodiscard]] bool MayBeLive() const { return !chain.empty() && !revoked; }
};

}  // namespace henb::x2sec::nem
