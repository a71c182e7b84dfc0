// HTTP by libcurl.
#pragma once

#include <atomic>

#include "henb-x2sec/core/ports/http_fetcher.h"

namespace henb::x2sec::revocation {

/// A connection of its own for each call: no redirects, no proxy, no cookies, no other protocol than HTTP.
class CurlFetcher final : public core::HttpFetcher {
 public:
  absl::StatusOr<core::HttpAnswer> Get(const core::HttpRequest& request) override;
  absl::StatusOr<core::HttpAnswer> Post(const core::HttpRequest& request) override;
  /// Running and later calls end as Unavailable. Any thread.
  void Stop() { stopping_ = true; }

 private:
  absl::StatusOr<core::HttpAnswer> Exchange(const core::HttpRequest& request, bool post);
  std::atomic<bool> stopping_{false};
};

}  // namespace henb::x2sec::revocation
