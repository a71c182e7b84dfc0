#include "henb-x2sec/nss/nss_session.h"

#include <nss.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mutex>

#include "common/status.h"
#include "henb-x2sec/nss/nss_error.h"

namespace henb::x2sec::nss {
namespace {

absl::Status StartNssOnce() {
  static std::once_flag once;
  static SECStatus started = SECFailure;
  std::call_once(once, [] { started = NSS_IsInitialized() ? SECSuccess : NSS_NoDB_Init(nullptr); });
  return started == SECSuccess ? absl::OkStatus() : LastNssError("starting NSS");
}

absl::Status CheckDirectory(const std::string& directory) {
  if (directory.find_first_of("'\"\\\n") != std::string::npos) {
    return absl::InvalidArgumentError(
        common::StrCat("NSS database directory ", common::Quoted(directory), " contains a quote or a backslash"));
  }
  for (const char* name : {"/cert9.db", "/key4.db"}) {
    const std::string file = directory + name;
    struct stat info {};
    if (stat(file.c_str(), &info) != 0) {
      return absl::NotFoundError(common::StrCat("no NSS database: ", file, " is missing (made by \"ipsec initnss\")"));
    }
    if (access(file.c_str(), R_OK | W_OK) != 0) {
      return absl::PermissionDeniedError(common::StrCat("NSS database ", file, " is not readable and writable"));
    }
  }
  return absl::OkStatus();
}

absl::Status Unlock(PK11SlotInfo* slot, const common::SecretBytes& password) {
  if (PK11_NeedUserInit(slot)) {
    if (PK11_InitPin(slot, nullptr, "") != SECSuccess) return LastNssError("setting the empty password");
  }
  if (!PK11_NeedLogin(slot) || PK11_IsLoggedIn(slot, nullptr)) return absl::OkStatus();
  common::SecretBytes text = password.Clone();
  text.Append(std::string_view("\0", 1));
  if (PK11_CheckUserPassword(slot, reinterpret_cast<const char*>(text.data())) != SECSuccess) {
    return absl::PermissionDeniedError("the NSS database has a password, and the one given is not it");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<NssSession> NssSession::Open(const std::string& directory, const common::SecretBytes& password) {
  RETURN_IF_ERROR(CheckDirectory(directory));
  RETURN_IF_ERROR(StartNssOnce());
  const std::string spec = common::StrCat("configDir='sql:", directory, "' tokenDescription='x2sec'");
  NssPtr<PK11SlotInfo> slot(SECMOD_OpenUserDB(spec.c_str()));
  if (slot == nullptr) return LastNssError(common::StrCat("opening the NSS database ", directory));
  NssSession session(std::move(slot));
  RETURN_IF_ERROR_CTX(Unlock(session.slot(), password), directory);
  if (PK11_IsReadOnly(session.slot())) {
    return absl::PermissionDeniedError(common::StrCat("NSS database ", directory, " opened read-only"));
  }
  return session;
}

NssSession::~NssSession() {
  if (slot_ != nullptr) SECMOD_CloseUserDB(slot_.get());
}

}  // namespace henb::x2sec::nss
