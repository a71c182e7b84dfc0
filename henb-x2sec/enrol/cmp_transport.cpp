#include "henb-x2sec/enrol/cmp_transport.h"

#include <openssl/bioerr.h>
#include <openssl/err.h>
#include <openssl/httperr.h>

#include <cmath>

#include "common/status.h"
#include "henb-x2sec/enrol/cmp_events.h"
#include "henb-x2sec/enrol/openssl_ptr.h"
#include "henb-x2sec/enrol/tcp_connection.h"

namespace henb::x2sec::enrol {
namespace {

/// Empties OpenSSL's error queue.
absl::Status HttpError(const std::string& where) {
  bool timeout = false;
  bool answered = false;
  bool malformed = false;
  std::string text;
  while (const unsigned long code = ERR_get_error()) {
    const int reason = ERR_GET_REASON(code);
    if (ERR_GET_LIB(code) == ERR_LIB_BIO)
      timeout |= reason == BIO_R_CONNECT_TIMEOUT || reason == BIO_R_TRANSFER_TIMEOUT;
    if (ERR_GET_LIB(code) == ERR_LIB_HTTP) {
      malformed |= reason == HTTP_R_MAX_RESP_LEN_EXCEEDED || reason == HTTP_R_MISSING_ASN1_ENCODING ||
                   reason == HTTP_R_ERROR_PARSING_ASN1_LENGTH || reason == HTTP_R_INCONSISTENT_CONTENT_LENGTH;
      answered |= reason == HTTP_R_STATUS_CODE_UNSUPPORTED || reason == HTTP_R_UNEXPECTED_CONTENT_TYPE ||
                  reason == HTTP_R_RECEIVED_ERROR || reason == HTTP_R_HEADER_PARSE_ERROR ||
                  reason == HTTP_R_ERROR_PARSING_CONTENT_LENGTH || reason == HTTP_R_REDIRECTION_NOT_ENABLED;
    }
    char line[256];
    ERR_error_string_n(code, line, sizeof line);
    common::StrAppend(&text, text.empty() ? "" : "; ", line);
  }
  if (text.empty()) text = "connection closed";
  if (timeout)
    return event::Error(absl::StatusCode::kDeadlineExceeded, event::kTimeout,
                        common::StrCat(where, " does not answer"));
  if (malformed) {
    return event::Error(absl::StatusCode::kFailedPrecondition, event::kMalformedAnswer,
                        common::StrCat(where, ": ", text));
  }
  return event::Error(absl::StatusCode::kUnavailable, answered ? event::kHttpError : event::kUnreachable,
                      common::StrCat(where, ": ", text));
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpTransport>> HttpTransport::Create(const std::string& url) {
  int tls = 0;
  char* host = nullptr;
  char* port = nullptr;
  char* path = nullptr;
  const int parsed = OSSL_HTTP_parse_url(url.c_str(), &tls, nullptr, &host, &port, nullptr, &path, nullptr, nullptr);
  const std::string host_text = host == nullptr ? "" : host;
  const std::string port_text = port == nullptr ? "" : port;
  const std::string path_text = path == nullptr ? "" : path;
  OPENSSL_free(host);
  OPENSSL_free(port);
  OPENSSL_free(path);
  (void)common::DrainOpensslErrors();
  if (parsed != 1 || tls != 0 || host_text.empty() || !url.starts_with("http://")) {
    return absl::InvalidArgumentError(
        common::StrCat("server_url: ", common::Quoted(url), " is not http://HOST[:PORT][/PATH]"));
  }
  return std::unique_ptr<HttpTransport>(new HttpTransport(host_text, port_text, path_text));
}

HttpTransport::~HttpTransport() { Close(); }

void HttpTransport::Close() {
  if (connection_ != nullptr) OSSL_HTTP_close(connection_, 1);
  connection_ = nullptr;
  BIO_free(socket_);
  socket_ = nullptr;
  fd_.reset();
}

absl::StatusOr<std::string> HttpTransport::Exchange(std::string_view request, absl::Duration timeout) {
  if (connection_ == nullptr) {
    Close();
    ASSIGN_OR_RETURN(common::UniqueFd fd, ConnectTcp(host_, port_, timeout));
    socket_ = BIO_new_socket(fd.get(), BIO_NOCLOSE);
    fd_ = std::move(fd);
  }
  const int seconds = std::max(1, static_cast<int>(std::ceil(absl::ToDoubleSeconds(timeout))));
  const OpensslPtr<BIO> body(BIO_new_mem_buf(request.data(), static_cast<int>(request.size())));
  const OpensslPtr<BIO> answer(OSSL_HTTP_transfer(
      &connection_, host_.c_str(), port_.c_str(), path_.c_str(), 0, nullptr, nullptr, socket_, socket_, nullptr,
      nullptr, 0, nullptr, "application/pkixcmp", body.get(), "application/pkixcmp", 1, kMostAnswer, seconds, 1));
  if (answer == nullptr) return HttpError(common::StrCat("http://", host_, ":", port_, path_));
  std::string out;
  char chunk[8192];
  int got = 0;
  while ((got = BIO_read(answer.get(), chunk, sizeof chunk)) > 0) {
    out.append(chunk, static_cast<std::size_t>(got));
    if (out.size() > kMostAnswer) {
      return event::Error(absl::StatusCode::kFailedPrecondition, event::kMalformedAnswer, "the answer is too large");
    }
  }
  (void)common::DrainOpensslErrors();
  return out;
}

}  // namespace henb::x2sec::enrol
