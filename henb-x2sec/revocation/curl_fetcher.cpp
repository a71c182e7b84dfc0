#include "henb-x2sec/revocation/curl_fetcher.h"

#include <curl/curl.h>
#include <strings.h>

#include <algorithm>
#include <memory>
#include <mutex>

#include "common/status.h"

namespace henb::x2sec::revocation {
namespace {

using common::StrCat;
using core::HttpAnswer;
using core::HttpRequest;

constexpr long kConnectWithinMs = 10'000;

struct Transfer {
  HttpAnswer answer;
  std::size_t most_octets = 0;
  bool too_large = false;
  const std::atomic<bool>* stopping = nullptr;
};

std::size_t TakeBody(char* data, std::size_t size, std::size_t count, void* to) {
  auto* transfer = static_cast<Transfer*>(to);
  const std::size_t octets = size * count;
  if (octets > transfer->most_octets - transfer->answer.body.size()) {
    transfer->too_large = true;
    return 0;  // ends the transfer
  }
  transfer->answer.body.append(data, octets);
  return octets;
}

void TakeHeader(std::string_view line, std::string_view name, std::string* value) {
  if (line.size() <= name.size() || line[name.size()] != ':') return;
  if (strncasecmp(line.data(), name.data(), name.size()) != 0) return;
  line.remove_prefix(name.size() + 1);
  while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
  while (!line.empty() && static_cast<unsigned char>(line.back()) <= ' ') line.remove_suffix(1);
  // It goes back to the server in the next request: nothing but what a header may hold.
  const bool clean =
      line.size() <= 256 && std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c < 127; });
  *value = clean ? line : std::string_view();
}

std::size_t TakeHeaders(char* data, std::size_t size, std::size_t count, void* to) {
  auto* transfer = static_cast<Transfer*>(to);
  const std::string_view line(data, size * count);
  TakeHeader(line, "ETag", &transfer->answer.etag);
  TakeHeader(line, "Last-Modified", &transfer->answer.last_modified);
  return line.size();
}

int Progress(void* of, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(of)->stopping->load() ? 1 : 0;
}

struct Curl {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

absl::Status Failure(CURLcode code, const Transfer& transfer, const char* detail, const HttpRequest& request) {
  const std::string what = detail[0] != '\0' ? detail : curl_easy_strerror(code);
  if (transfer.too_large || code == CURLE_FILESIZE_EXCEEDED) {
    return absl::ResourceExhaustedError(StrCat("more than ", request.most_octets, " octets"));
  }
  if (code == CURLE_OPERATION_TIMEDOUT) return absl::DeadlineExceededError(what);
  if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT) return absl::InvalidArgumentError(what);
  return absl::UnavailableError(what);
}

}  // namespace

absl::StatusOr<HttpAnswer> CurlFetcher::Get(const HttpRequest& request) { return Exchange(request, false); }

absl::StatusOr<HttpAnswer> CurlFetcher::Post(const HttpRequest& request) { return Exchange(request, true); }

absl::StatusOr<HttpAnswer> CurlFetcher::Exchange(const HttpRequest& request, bool post) {
  if (!request.url.starts_with("http://")) return absl::InvalidArgumentError("not an http:// URL");
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  const std::unique_ptr<CURL, Curl> handle(curl_easy_init());
  if (handle == nullptr) return absl::InternalError("libcurl gives no handle, or cannot be loaded");
  CURL* curl = handle.get();
  Transfer transfer{.answer = {}, .most_octets = request.most_octets, .stopping = &stopping_};
  std::unique_ptr<curl_slist, Curl> headers;
  const auto add_header = [&](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    headers.reset(curl_slist_append(headers.release(), StrCat(name, ": ", value).c_str()));
  };
  if (post) {
    add_header("Content-Type", request.content_type);
    headers.reset(curl_slist_append(headers.release(), "Expect:"));  // no pause before the body
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
  } else {
    add_header("If-None-Match", request.etag);
    add_header("If-Modified-Since", request.last_modified);
  }
  char detail[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(absl::ToInt64Milliseconds(request.deadline)));
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, kConnectWithinMs);
  curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(request.most_octets));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, TakeBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, TakeHeaders);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, Progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) return Failure(code, transfer, detail, request);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  const bool conditional = !post && headers != nullptr;
  if (status == 304 && conditional) {
    transfer.answer.not_modified = true;
    transfer.answer.body.clear();
    return transfer.answer;
  }
  if (status != 200) return absl::UnavailableError(StrCat("the server answers with HTTP status ", status));
  return std::move(transfer.answer);
}

}  // namespace henb::x2sec::revocation
