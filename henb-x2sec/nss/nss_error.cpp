#include "henb-x2sec/nss/nss_error.h"

#include <prerror.h>
#include <secerr.h>

#include "common/strings.h"

namespace henb::x2sec::nss {

absl::Status LastNssError(std::string_view context) {
  const PRErrorCode code = PR_GetError();
  const char* name = PR_ErrorToName(code);
  const std::string text = common::StrCat(context, ": ", name == nullptr ? "unknown NSS error" : name);
  switch (code) {
    case SEC_ERROR_BUSY:
    case SEC_ERROR_PKCS11_DEVICE_ERROR:
      return absl::UnavailableError(text);
    case SEC_ERROR_BAD_PASSWORD:
    case SEC_ERROR_READ_ONLY:
    case SEC_ERROR_TOKEN_NOT_LOGGED_IN:
      return absl::PermissionDeniedError(text);
    default:
      return absl::InternalError(text);
  }
}

}  // namespace henb::x2sec::nss
