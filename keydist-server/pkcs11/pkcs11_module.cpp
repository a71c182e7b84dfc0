#include "keydist-server/pkcs11/pkcs11_module.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/private_file.h"
#include "common/secret_bytes.h"
#include "common/status.h"

namespace henb::keydist::pkcs11 {
namespace {

constexpr CK_ULONG kMostSlots = 1024;

std::string_view NameOf(CK_RV code) {
  switch (code) {
    case CKR_GENERAL_ERROR:
      return "CKR_GENERAL_ERROR";
    case CKR_DEVICE_ERROR:
      return "CKR_DEVICE_ERROR";
    case CKR_DEVICE_REMOVED:
      return "CKR_DEVICE_REMOVED";
    case CKR_TOKEN_NOT_PRESENT:
      return "CKR_TOKEN_NOT_PRESENT";
    case CKR_SESSION_HANDLE_INVALID:
      return "CKR_SESSION_HANDLE_INVALID";
    case CKR_USER_NOT_LOGGED_IN:
      return "CKR_USER_NOT_LOGGED_IN";
    case CKR_MECHANISM_INVALID:
      return "CKR_MECHANISM_INVALID";
    case CKR_FUNCTION_NOT_SUPPORTED:
      return "CKR_FUNCTION_NOT_SUPPORTED";
    case CKR_KEY_FUNCTION_NOT_PERMITTED:
      return "CKR_KEY_FUNCTION_NOT_PERMITTED";
    case CKR_USER_PIN_NOT_INITIALIZED:
      return "CKR_USER_PIN_NOT_INITIALIZED";
    default:
      return "CKR";
  }
}

/// Fields of a token are padded with blanks.
template <std::size_t N>
bool IsField(const unsigned char (&field)[N], std::string_view wanted) {
  if (wanted.empty()) return true;
  std::string_view text(reinterpret_cast<const char*>(field), N);
  text = text.substr(0, text.find_last_not_of(' ') + 1);
  return text == wanted;
}

std::string LabelOf(const CK_TOKEN_INFO& info) {
  const std::string_view text(reinterpret_cast<const char*>(info.label), sizeof info.label);
  return std::string(text.substr(0, text.find_last_not_of(' ') + 1));
}

}  // namespace

absl::Status FailedCall(std::string_view function, CK_RV code) {
  return absl::UnavailableError(
      common::StrCat(function, ": ", NameOf(code), " (0x", absl::StrCat(absl::Hex(code)), ")"));
}

absl::StatusOr<std::shared_ptr<Pkcs11Module>> Pkcs11Module::Load(const std::string& path) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<Pkcs11Module>> loaded;
  const std::lock_guard lock(mutex);
  if (std::shared_ptr<Pkcs11Module> there = loaded[path].lock()) return there;
  // Never unloaded: few modules stand it.
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return absl::InvalidArgumentError(common::StrCat("module-path: ", dlerror()));
  const auto get_list = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  CK_FUNCTION_LIST* functions = nullptr;
  if (get_list == nullptr || get_list(&functions) != CKR_OK || functions == nullptr) {
    return absl::InvalidArgumentError(common::StrCat("module-path: ", path, ": not a PKCS #11 module"));
  }
  CK_C_INITIALIZE_ARGS arguments = {};
  arguments.flags = CKF_OS_LOCKING_OK;
  const CK_RV code = functions->C_Initialize(&arguments);
  if (code != CKR_OK && code != CKR_CRYPTOKI_ALREADY_INITIALIZED) {
    return common::WithContext(FailedCall("C_Initialize", code), path);
  }
  std::shared_ptr<Pkcs11Module> module(new Pkcs11Module(functions));
  module->finalise_ = code == CKR_OK;
  loaded[path] = module;
  return module;
}

Pkcs11Module::~Pkcs11Module() {
  if (finalise_) functions_->C_Finalize(nullptr);
}

absl::StatusOr<CK_SLOT_ID> Pkcs11Module::FindToken(const Pkcs11Uri& uri) const {
  CK_ULONG count = 0;
  CK_RV code = call().C_GetSlotList(CK_TRUE, nullptr, &count);
  std::vector<CK_SLOT_ID> slots(std::min(count, kMostSlots));
  count = slots.size();
  if (code == CKR_OK && count > 0) code = call().C_GetSlotList(CK_TRUE, slots.data(), &count);
  if (code != CKR_OK) return FailedCall("C_GetSlotList", code);
  slots.resize(std::min<std::size_t>(count, slots.size()));
  std::vector<CK_SLOT_ID> found;
  std::string others;
  for (const CK_SLOT_ID slot : slots) {
    CK_TOKEN_INFO info = {};
    if (call().C_GetTokenInfo(slot, &info) != CKR_OK || (info.flags & CKF_TOKEN_INITIALIZED) == 0) continue;
    if (IsField(info.label, uri.token) && IsField(info.serialNumber, uri.serial) &&
        IsField(info.manufacturerID, uri.manufacturer) && IsField(info.model, uri.model)) {
      found.push_back(slot);
    } else {
      common::StrAppend(&others, others.empty() ? "" : ", ", common::Quoted(LabelOf(info)));
    }
  }
  if (found.size() > 1) return absl::InvalidArgumentError("several tokens are called like this: name its serial, too");
  if (!found.empty()) return found[0];
  return absl::UnavailableError(
      common::StrCat("no such token is there; ", others.empty() ? "none is" : common::StrCat("there are ", others)));
}

absl::StatusOr<std::unique_ptr<Pkcs11Session>> Pkcs11Session::Open(const Pkcs11Uri& uri, Access access) {
  ASSIGN_OR_RETURN(std::shared_ptr<Pkcs11Module> module, Pkcs11Module::Load(uri.module_path));
  std::unique_ptr<Pkcs11Session> session(new Pkcs11Session(std::move(module)));
  ASSIGN_OR_RETURN(const CK_SLOT_ID slot, session->module_->FindToken(uri));
  const CK_FLAGS flags = CKF_SERIAL_SESSION | (access == Access::kWriting ? CKF_RW_SESSION : 0);
  if (const CK_RV code = session->call().C_OpenSession(slot, flags, nullptr, nullptr, &session->handle_);
      code != CKR_OK) {
    session->handle_ = 0;
    return FailedCall("C_OpenSession", code);
  }
  RETURN_IF_ERROR(session->Login(uri, slot));
  return session;
}

absl::Status Pkcs11Session::Login(const Pkcs11Uri& uri, CK_SLOT_ID slot) {
  CK_TOKEN_INFO info = {};
  if (const CK_RV code = call().C_GetTokenInfo(slot, &info); code != CKR_OK) return FailedCall("C_GetTokenInfo", code);
  absl::Status locked = absl::FailedPreconditionError("the token's PIN is locked: its security officer sets a new one");
  if ((info.flags & CKF_USER_PIN_LOCKED) != 0) return locked;
  if ((info.flags & CKF_USER_PIN_FINAL_TRY) != 0) {
    return absl::FailedPreconditionError(
        "one more wrong PIN locks the token, so it is not tried: log in once by hand with the right one");
  }
  RETURN_IF_ERROR(common::RequirePrivateFile(uri.pin_file));
  ASSIGN_OR_RETURN(common::SecretBytes pin, common::ReadSecretFile(uri.pin_file));
  std::size_t size = pin.size();
  if (size > 0 && pin.data()[size - 1] == '\n') --size;
  const CK_RV code = call().C_Login(handle_, CKU_USER, pin.data(), size);
  switch (code) {
    case CKR_OK:
    case CKR_USER_ALREADY_LOGGED_IN:  // By another session of this program.
      return absl::OkStatus();
    case CKR_PIN_LOCKED:
      return locked;
    case CKR_PIN_INCORRECT:
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
      return absl::InvalidArgumentError(common::StrCat("the PIN in ", uri.pin_file, " is wrong"));
    default:
      return FailedCall("C_Login", code);
  }
}

Pkcs11Session::~Pkcs11Session() {
  if (handle_ != 0) call().C_CloseSession(handle_);
}

absl::StatusOr<CK_OBJECT_HANDLE> Pkcs11Session::FindKey(const Pkcs11Uri& uri) const {
  CK_OBJECT_CLASS object_class = CKO_SECRET_KEY;
  CK_KEY_TYPE type = CKK_AES;
  std::string label = uri.object;
  std::string id = uri.id;
  std::vector<CK_ATTRIBUTE> wanted = {{CKA_CLASS, &object_class, sizeof object_class},
                                      {CKA_KEY_TYPE, &type, sizeof type}};
  if (!label.empty()) wanted.push_back({CKA_LABEL, label.data(), label.size()});
  if (!id.empty()) wanted.push_back({CKA_ID, id.data(), id.size()});
  if (const CK_RV code = call().C_FindObjectsInit(handle_, wanted.data(), wanted.size()); code != CKR_OK) {
    return FailedCall("C_FindObjectsInit", code);
  }
  std::array<CK_OBJECT_HANDLE, 2> found = {};
  CK_ULONG count = 0;
  const CK_RV code = call().C_FindObjects(handle_, found.data(), found.size(), &count);
  call().C_FindObjectsFinal(handle_);
  if (code != CKR_OK) return FailedCall("C_FindObjects", code);
  if (count == 0) return absl::NotFoundError("no such AES key is in the token");
  if (count > 1)
    return absl::InvalidArgumentError("several AES keys of the token are called like this: name its id, too");
  return found[0];
}

}  // namespace henb::keydist::pkcs11
