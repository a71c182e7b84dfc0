// How PKIMessages travel to the RA/CA and back.
#pragma once

#include <openssl/bio.h>
#include <openssl/http.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/unique_fd.h"

namespace henb::x2sec::enrol {

/// One exchange after the other; one thread at a time.
class CmpTransport {
 public:
  virtual ~CmpTransport() = default;
  /// The answer to `request` (DER both). Unavailable: not reachable, or an HTTP error; DeadlineExceeded;
  /// FailedPrecondition: larger than the limit, or no DER. Messages begin with an event's name (cmp_events.h).
  [[nodiscard]] virtual absl::StatusOr<std::string> Exchange(std::string_view request, absl::Duration timeout) = 0;
};

/// HTTP (RFC 6712) over TCP, the connection kept alive between exchanges, TCP_NODELAY set: without it Nagle and the
/// other end's delayed ACK cost 44 ms in the second exchange. Uses no proxy.
class HttpTransport final : public CmpTransport {
 public:
  static constexpr std::size_t kMostAnswer = 256U << 10;

  /// InvalidArgument: not http://HOST[:PORT][/PATH].
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<HttpTransport>> Create(const std::string& url);
  ~HttpTransport() override;
  absl::StatusOr<std::string> Exchange(std::string_view request, absl::Duration timeout) override;

 private:
  HttpTransport(std::string host, std::string port, std::string path)
      : host_(std::move(host)), port_(std::move(port)), path_(std::move(path)) {}
  const std::string host_;
  const std::string port_;
  const std::string path_;
  void Close();
  common::UniqueFd fd_;
  BIO* socket_ = nullptr;
  OSSL_HTTP_REQ_CTX* connection_ = nullptr;
};

}  // namespace henb::x2sec::enrol
