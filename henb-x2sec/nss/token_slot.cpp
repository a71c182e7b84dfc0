#include "henb-x2sec/nss/token_slot.h"

#include <prerror.h>
#include <secerr.h>
#include <secmod.h>
#include <unistd.h>

#include <map>
#include <mutex>

#include "common/status.h"
#include "henb-x2sec/nss/nss_error.h"

namespace henb::x2sec::nss {
namespace {

using common::Quoted;
using common::StrCat;

absl::Status Missing(const std::string& text) { return absl::FailedPreconditionError(text); }

absl::StatusOr<SECMODModule*> ModuleOf(const std::string& path) {
  static std::mutex mutex;
  static std::map<std::string, SECMODModule*> loaded;
  const std::lock_guard lock(mutex);
  if (const auto found = loaded.find(path); found != loaded.end()) return found->second;
  // The path becomes part of a specification in which these have a meaning.
  if (path.find_first_of("'\"\\\n") != std::string::npos)
    return Missing(StrCat("token module ", Quoted(path), " has a quote or a backslash in its name"));
  if (access(path.c_str(), R_OK) != 0) return Missing(StrCat("token module ", path, " is not there or not readable"));
  std::string spec = StrCat("library=\"", path, "\" name=\"x2sec token ", loaded.size(), "\"");
  SECMODModule* module = SECMOD_LoadUserModule(spec.data(), nullptr, PR_FALSE);
  if (module == nullptr || !module->loaded) {
    const absl::Status why = LastNssError("loading it");
    if (module != nullptr) SECMOD_DestroyModule(module);
    return Missing(StrCat("token module ", path, " is no PKCS#11 module that works: ", why.message()));
  }
  loaded.emplace(path, module);
  return module;
}

NssPtr<PK11SlotInfo> FindToken(SECMODModule* module, const std::string& label, std::string* others) {
  SECMOD_UpdateSlotList(module);
  for (int i = 0; i < module->slotCount; ++i) {
    PK11SlotInfo* slot = module->slots[i];
    if (!PK11_IsPresent(slot) || PK11_NeedUserInit(slot)) continue;
    if (label == PK11_GetTokenName(slot)) return NssPtr<PK11SlotInfo>(PK11_ReferenceSlot(slot));
    *others += StrCat(others->empty() ? "; there is " : ", ", Quoted(PK11_GetTokenName(slot)));
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<PK11SlotInfo*> TokenSlot::Get() {
  ASSIGN_OR_RETURN(SECMODModule* const module, ModuleOf(settings_.module));
  const bool still_there =
      slot_ != nullptr && PK11_IsPresent(slot_.get()) && settings_.label == PK11_GetTokenName(slot_.get());
  if (!still_there) {
    std::string others;
    slot_ = FindToken(module, settings_.label, &others);
    if (slot_ == nullptr)
      return Missing(
          StrCat("token ", Quoted(settings_.label), " is not there (module ", settings_.module, ")", others));
  }
  RETURN_IF_ERROR(LogIn());
  return slot_.get();
}

absl::Status TokenSlot::LogIn() {
  if (!PK11_NeedLogin(slot_.get()) || PK11_IsLoggedIn(slot_.get(), nullptr)) return absl::OkStatus();
  absl::StatusOr<common::SecretBytes> pin = settings_.pin();
  if (!pin.ok()) return Missing(StrCat("PIN of token ", Quoted(settings_.label), ": ", pin.status().message()));
  const std::string refused = StrCat("token ", Quoted(settings_.label), " refuses the PIN");
  if (!refused_pin_.empty() && common::ConstantTimeEquals(refused_pin_, *pin))
    return Missing(StrCat(refused, "; it is not tried again before it is another one"));
  common::SecretBytes text = pin->Clone();
  text.Append(std::string_view("\0", 1));
  const SECStatus done = PK11_CheckUserPassword(slot_.get(), reinterpret_cast<const char*>(text.data()));
  if (done == SECSuccess) return absl::OkStatus();
  if (done == SECWouldBlock || PR_GetError() == SEC_ERROR_LOCKED_PASSWORD) refused_pin_ = *std::move(pin);
  const absl::Status why = LastNssError("login");
  return Missing(StrCat(refused, ": ", why.message()));
}

}  // namespace henb::x2sec::nss
