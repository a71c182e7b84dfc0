// A PKCS #11 module (a shared library that reaches tokens), loaded.
#pragma once

#include <p11-kit/pkcs11.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "keydist-server/pkcs11/pkcs11_uri.h"

namespace henb::keydist::pkcs11 {

/// One of each in a process; initialised with the system's locks, finalised when the last that uses it has gone. Any
/// thread.
class Pkcs11Module {
 public:
  /// InvalidArgument: not there, or not a module. Unavailable: it does not start.
  [[nodiscard]] static absl::StatusOr<std::shared_ptr<Pkcs11Module>> Load(const std::string& path);
  ~Pkcs11Module();
  Pkcs11Module(const Pkcs11Module&) = delete;
  Pkcs11Module& operator=(const Pkcs11Module&) = delete;

  [[nodiscard]] const CK_FUNCTION_LIST& call() const { return *functions_; }
  /// The slot of the one token that `uri` names. Unavailable: no such token is there now. InvalidArgument: several are.
  [[nodiscard]] absl::StatusOr<CK_SLOT_ID> FindToken(const Pkcs11Uri& uri) const;

 private:
  explicit Pkcs11Module(CK_FUNCTION_LIST* functions) : functions_(functions) {}
  CK_FUNCTION_LIST* functions_;
  bool finalise_ = false;
};

/// A session at a token, logged in as its user. One thread.
class Pkcs11Session {
 public:
  enum class Access { kReading, kWriting };
  /// InvalidArgument: the PIN is wrong, or the file of it is not private. FailedPrecondition: the PIN is locked, or one
  /// more wrong one would lock it; then it is not tried. Unavailable: no such token, or it does not answer.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Pkcs11Session>> Open(const Pkcs11Uri& uri, Access access);
  ~Pkcs11Session();
  Pkcs11Session(const Pkcs11Session&) = delete;
  Pkcs11Session& operator=(const Pkcs11Session&) = delete;

  [[nodiscard]] const CK_FUNCTION_LIST& call() const { return module_->call(); }
  [[nodiscard]] CK_SESSION_HANDLE handle() const { return handle_; }
  /// The one AES key that `uri` names. NotFound; InvalidArgument: several.
  [[nodiscard]] absl::StatusOr<CK_OBJECT_HANDLE> FindKey(const Pkcs11Uri& uri) const;

 private:
  explicit Pkcs11Session(std::shared_ptr<Pkcs11Module> module) : module_(std::move(module)) {}
  absl::Status Login(const Pkcs11Uri& uri, CK_SLOT_ID slot);
  std::shared_ptr<Pkcs11Module> module_;
  CK_SESSION_HANDLE handle_ = 0;
};

/// Unavailable: "C_Login: CKR_DEVICE_ERROR (0x30)".
[[nodiscard]] absl::Status FailedCall(std::string_view function, CK_RV code);

}  // namespace henb::keydist::pkcs11
