// libcurl's functions that the project uses, under their own names: whoever links this instead of -lcurl has the
// library loaded at the first call. It brings some twenty others (GnuTLS, Kerberos, LDAP, SSH …), 4 MiB of a small
// device's memory that most never need: the key service, CMP in the backhaul and pluto do without. Any thread.
#include <curl/curl.h>
#include <dlfcn.h>

#include <cstdarg>
#include <type_traits>

// The header's macros check types at the callers; here the functions themselves are meant.
#undef curl_easy_setopt
#undef curl_easy_getinfo

namespace {

constexpr char kLibrary[] = "libcurl.so.4";

struct Functions {
  decltype(&::curl_global_init) global_init = nullptr;
  decltype(&::curl_easy_init) easy_init = nullptr;
  decltype(&::curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&::curl_easy_reset) easy_reset = nullptr;
  decltype(&::curl_easy_perform) easy_perform = nullptr;
  decltype(&::curl_easy_setopt) easy_setopt = nullptr;
  decltype(&::curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&::curl_easy_strerror) easy_strerror = nullptr;
  decltype(&::curl_slist_append) slist_append = nullptr;
  decltype(&::curl_slist_free_all) slist_free_all = nullptr;
  bool whole = false;

  Functions() {
    void* const library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);  // Stays until the process ends.
    if (library == nullptr) return;
    const auto find = [library](const char* name, auto* function) {
      *function = reinterpret_cast<std::remove_pointer_t<decltype(function)>>(dlsym(library, name));
      return *function != nullptr;
    };
    whole = find("curl_global_init", &global_init) && find("curl_easy_init", &easy_init) &&
            find("curl_easy_cleanup", &easy_cleanup) && find("curl_easy_reset", &easy_reset) &&
            find("curl_easy_perform", &easy_perform) && find("curl_easy_setopt", &easy_setopt) &&
            find("curl_easy_getinfo", &easy_getinfo) && find("curl_easy_strerror", &easy_strerror) &&
            find("curl_slist_append", &slist_append) && find("curl_slist_free_all", &slist_free_all);
  }
};

const Functions& Curl() {
  static const Functions kFunctions;
  return kFunctions;
}

}  // namespace

// Without the library no handle is given; whoever calls with one all the same is told so.
extern "C" {

CURLcode curl_global_init(long flags) { return Curl().whole ? Curl().global_init(flags) : CURLE_FAILED_INIT; }

CURL* curl_easy_init(void) { return Curl().whole ? Curl().easy_init() : nullptr; }

void curl_easy_cleanup(CURL* handle) {
  if (handle != nullptr && Curl().whole) Curl().easy_cleanup(handle);
}

void curl_easy_reset(CURL* handle) {
  if (Curl().whole) Curl().easy_reset(handle);
}

CURLcode curl_easy_perform(CURL* handle) { return Curl().whole ? Curl().easy_perform(handle) : CURLE_FAILED_INIT; }

/// An option's number says what its value is.
CURLcode curl_easy_setopt(CURL* handle, CURLoption option, ...) {
  va_list values;
  va_start(values, option);
  CURLcode code = CURLE_OK;
  if (!Curl().whole) {
    code = CURLE_FAILED_INIT;
    // curl_off_t is long here, and not everywhere.
  } else if (option < CURLOPTTYPE_OBJECTPOINT) {  // NOLINT(bugprone-branch-clone)
    code = Curl().easy_setopt(handle, option, va_arg(values, long));
  } else if (option >= CURLOPTTYPE_OFF_T && option < CURLOPTTYPE_BLOB) {
    code = Curl().easy_setopt(handle, option, va_arg(values, curl_off_t));
  } else {
    code = Curl().easy_setopt(handle, option, va_arg(values, void*));
  }
  va_end(values);
  return code;
}

CURLcode curl_easy_getinfo(CURL* handle, CURLINFO info, ...) {
  va_list values;
  va_start(values, info);
  const CURLcode code = Curl().whole ? Curl().easy_getinfo(handle, info, va_arg(values, void*)) : CURLE_FAILED_INIT;
  va_end(values);
  return code;
}

const char* curl_easy_strerror(CURLcode code) {
  return Curl().whole ? Curl().easy_strerror(code) : "libcurl.so.4 cannot be loaded";
}

curl_slist* curl_slist_append(curl_slist* list, const char* text) {
  return Curl().whole ? Curl().slist_append(list, text) : nullptr;
}

void curl_slist_free_all(curl_slist* list) {
  if (list != nullptr && Curl().whole) Curl().slist_free_all(list);
}

}  // extern "C"
