// The port to HTTP servers that publish revocation news and certificates.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace henb::x2sec::core {

struct HttpRequest {
  std::string url;   ///< http://HOST[:PORT]/PATH: what is fetched is signed, and TLS would need fresh news itself.
  std::string etag;  ///< Of the answer held; empty: none (RFC 9110 §13.1.2).
  std::string last_modified;                    ///< The same (§13.1.3).
  absl::Duration deadline = absl::Seconds(20);  ///< Of the whole exchange.
  std::size_t most_octets = 4U << 20;           ///< Of the answer's body.
  std::string body{};                           ///< Of a Post.
  std::string content_type{};                   ///< The same.
};

struct HttpAnswer {
  bool not_modified = false;  ///< 304: what is held is what there is.
  std::string body;
  std::string etag;
  std::string last_modified;
};

/// Blocking; any thread, several calls at a time.
class HttpFetcher {
 public:
  virtual ~HttpFetcher() = default;
  /// GET. InvalidArgument: not such a URL. Unavailable: not reached, cut off, or any status but 200 and 304 (redirects
  /// are not followed). DeadlineExceeded. ResourceExhausted: more octets than allowed.
  [[nodiscard]] virtual absl::StatusOr<HttpAnswer> Get(const HttpRequest& request) = 0;
  /// POST, with the same errors; never 304.
  [[nodiscard]] virtual absl::StatusOr<HttpAnswer> Post(const HttpRequest& request) = 0;
};

}  // namespace henb::x2sec::core
