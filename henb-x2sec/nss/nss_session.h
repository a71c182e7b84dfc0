// An open NSS database.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/secret_bytes.h"
#include "henb-x2sec/nss/nss_handles.h"

namespace henb::x2sec::nss {

/// Owns the slot of one database directory, opened read-write. NSS itself is started once in a process, without a
/// database of its own, and stays. Any thread (NSS locks for itself); the caller serialises what must be atomic.
class NssSession {
 public:
  /// NotFound: no database there. PermissionDenied: not writable, or a password is set and `password` is not it.
  [[nodiscard]] static absl::StatusOr<NssSession> Open(const std::string& directory,
                                                       const common::SecretBytes& password);
  ~NssSession();
  NssSession(NssSession&& other) noexcept = default;
  NssSession& operator=(NssSession&& other) noexcept = delete;

  [[nodiscard]] PK11SlotInfo* slot() const { return slot_.get(); }

 private:
  explicit NssSession(NssPtr<PK11SlotInfo> slot) : slot_(std::move(slot)) {}
  NssPtr<PK11SlotInfo> slot_;
};

}  // namespace henb::x2sec::nss
