#include "henb-x2sec/enrol/https_exchange.h"

#include <curl/curl.h>
#include <openssl/ssl.h>

#include <algorithm>

#include "common/status.h"
#include "common/without_sigpipe.h"
#include "henb-x2sec/enrol/cmp_events.h"

namespace henb::x2sec::enrol {
namespace {

using absl::StatusCode;

struct Received {
  HttpsReply reply{};
  std::size_t most = 0;
  bool too_large = false;
};

std::size_t OnBody(char* data, std::size_t /*one*/, std::size_t size, void* argument) {
  auto* received = static_cast<Received*>(argument);
  if (received->reply.body.size() + size > received->most) {
    received->too_large = true;
    return 0;
  }
  received->reply.body.append(data, size);
  return size;
}

int OnProgress(void* argument, curl_off_t /*dltotal*/, curl_off_t /*dlnow*/, curl_off_t /*ultotal*/,
               curl_off_t /*ulnow*/) {
  const auto* settings = static_cast<const HttpsExchange::Settings*>(argument);
  return settings->stopped && settings->stopped() ? 1 : 0;
}

/// Roots, certificate and key go in as objects: no file has them, and the key may be one that signs elsewhere.
CURLcode OnTlsContext(CURL* /*curl*/, void* tls, void* argument) {
  const auto* settings = static_cast<const HttpsExchange::Settings*>(argument);
  auto* context = static_cast<SSL_CTX*>(tls);
  X509_STORE* store = X509_STORE_new();
  for (const common::Certificate& root : settings->server_roots) X509_STORE_add_cert(store, root.get());
  SSL_CTX_set_cert_store(context, store);
  SSL_CTX_set_security_level(context, 2);
  X509_VERIFY_PARAM_set_auth_level(SSL_CTX_get0_param(context), 2);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  if (settings->chain.empty()) return CURLE_SSL_CERTPROBLEM;
  bool ready = SSL_CTX_use_certificate(context, settings->chain.front().get()) == 1;
  for (std::size_t i = 1; i < settings->chain.size(); ++i) {
    if (settings->chain[i].is_self_issued()) continue;
    ready = ready && SSL_CTX_add1_chain_cert(context, settings->chain[i].get()) == 1;
  }
  return ready && SSL_CTX_use_PrivateKey(context, settings->key.get()) == 1 ? CURLE_OK : CURLE_SSL_CERTPROBLEM;
}

absl::Status ErrorOf(CURLcode code, const std::string& url, const char* text, const Received& received) {
  const std::string detail =
      common::StrCat(url, ": ", common::Quoted(*text == '\0' ? curl_easy_strerror(code) : text, 200));
  (void)common::DrainOpensslErrors();
  switch (code) {
    case CURLE_ABORTED_BY_CALLBACK:
      return event::Error(StatusCode::kCancelled, event::kNemStopped, detail);
    case CURLE_OPERATION_TIMEDOUT:
      return event::Error(StatusCode::kDeadlineExceeded, event::kNemTimeout, detail);
    case CURLE_PEER_FAILED_VERIFICATION:
      return event::Error(StatusCode::kFailedPrecondition, event::kNemUntrustedServer, detail);
    case CURLE_WRITE_ERROR:
      if (received.too_large) return event::Error(StatusCode::kFailedPrecondition, event::kNemTooLarge, detail);
      break;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return absl::InvalidArgumentError(detail);
    default:
      break;
  }
  return event::Error(StatusCode::kUnavailable, event::kNemUnreachable, detail);
}

}  // namespace

struct HttpsExchange::Curl {
  CURL* handle = nullptr;
  Curl() {
    static const CURLcode kGlobal = curl_global_init(CURL_GLOBAL_DEFAULT);
    handle = kGlobal == CURLE_OK ? curl_easy_init() : nullptr;
  }
  ~Curl() { curl_easy_cleanup(handle); }
  Curl(const Curl&) = delete;
  Curl& operator=(const Curl&) = delete;
};

HttpsExchange::HttpsExchange(Settings settings) : settings_(std::move(settings)), curl_(std::make_unique<Curl>()) {}
HttpsExchange::~HttpsExchange() = default;

absl::StatusOr<HttpsReply> HttpsExchange::Exchange(const std::string& url, const std::string& content_type,
                                                   const std::string& body) {
  CURL* curl = curl_->handle;
  if (curl == nullptr)
    return event::Error(StatusCode::kInternal, event::kNemUnreachable, "libcurl does not start, or cannot be loaded");
  Received received{.most = settings_.most_answer};
  char error[CURL_ERROR_SIZE] = "";
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(
      curl_slist_append(curl_slist_append(nullptr, common::StrCat("Content-Type: ", content_type).c_str()), "Expect:"),
      curl_slist_free_all);
  curl_easy_reset(curl);  // The connection stays.
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(absl::ToInt64Milliseconds(settings_.timeout)));
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &received);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, OnProgress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, const_cast<Settings*>(&settings_));
  curl_easy_setopt(curl, CURLOPT_CAINFO, nullptr);
  curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, OnTlsContext);
  curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, const_cast<Settings*>(&settings_));
  std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> there(nullptr, curl_slist_free_all);
  if (settings_.address.has_value()) {
    const std::string text = settings_.address->ToString();
    there.reset(curl_slist_append(
        nullptr,
        (settings_.address->is_v6() ? common::StrCat("::[", text, "]:") : common::StrCat("::", text, ":")).c_str()));
    curl_easy_setopt(curl, CURLOPT_CONNECT_TO, there.get());
  }
  if (!content_type.empty()) {
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  }
  const common::WithoutSigpipe no_signal;
  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) return ErrorOf(code, url, error, received);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  received.reply.status = static_cast<int>(status);
  char* type = nullptr;
  if (curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type != nullptr)
    received.reply.content_type = type;
  curl_off_t retry = 0;
  if (curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry) == CURLE_OK)
    received.reply.retry_after_s = static_cast<int>(std::clamp<curl_off_t>(retry, 0, 86400));
  return std::move(received.reply);
}

}  // namespace henb::x2sec::enrol
