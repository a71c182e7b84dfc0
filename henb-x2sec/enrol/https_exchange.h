// HTTPS with a client certificate: how a device talks to the NEM.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/certificate.h"
#include "common/ip_address.h"
#include "henb-x2sec/enrol/openssl_ptr.h"

namespace henb::x2sec::enrol {

struct HttpsReply {
  int status = 0;
  std::string content_type;
  int retry_after_s = 0;  ///< Retry-After in seconds; 0 where there is none.
  std::string body;
};

/// One exchange after the other over one kept connection; one thread at a time. TLS 1.2 or 1.3; the
/// server's path must end at one of `server_roots`, no key below 112 bits and no SHA-1 in it, and its certificate must
/// have the URL's host in its SAN. No proxy, no redirection, no other protocol.
class HttpsExchange {
 public:
  struct Settings {
    std::vector<common::Certificate> server_roots;
    std::vector<common::Certificate> chain;  ///< The client's certificate first; self-issued ones are not sent.
    EvpKey key;
    std::size_t most_answer = 64U << 10;
    absl::Duration timeout = absl::Seconds(20);  ///< Of one exchange, from name to last octet.
    std::optional<common::IpAddress> address{};  ///< Connect there, whatever the URL's host; its name is verified.
    std::function<bool()> stopped{};             ///< True: the exchange under way ends, from any thread.
  };
  explicit HttpsExchange(Settings settings);
  ~HttpsExchange();
  HttpsExchange(const HttpsExchange&) = delete;
  HttpsExchange& operator=(const HttpsExchange&) = delete;

  /// POST where `content_type` is not empty, else GET. Any HTTP status is an answer. Errors begin with an event's name:
  /// Unavailable nem.unreachable; DeadlineExceeded nem.timeout; FailedPrecondition nem.untrusted_server (path, name) or
  /// nem.too_large; Cancelled nem.stopped; InvalidArgument: no https URL.
  [[nodiscard]] absl::StatusOr<HttpsReply> Exchange(const std::string& url, const std::string& content_type,
                                                    const std::string& body);

 private:
  struct Curl;
  const Settings settings_;
  std::unique_ptr<Curl> curl_;
};

}  // namespace henb::x2sec::enrol
