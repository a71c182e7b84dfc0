// HTTP servers for tests.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "henb-x2sec/core/ports/http_fetcher.h"

namespace henb::tests {

/// Behaves as CurlFetcher does (tests/conformance/http_fetcher runs on both).
class FakeHttpFetcher final : public x2sec::core::HttpFetcher {
 public:
  struct Page {
    std::string body;
    std::string etag;
    int status = 200;
    bool away = false;  ///< Nobody answers there.
  };
  void Put(const std::string& url, Page page) {
    const std::lock_guard lock(mutex_);
    pages_[url] = std::move(page);
  }
  /// Whoever posts there is answered by `answer`.
  void OnPost(const std::string& url, std::function<Page(const std::string& body)> answer) {
    const std::lock_guard lock(mutex_);
    posts_[url] = std::move(answer);
  }
  [[nodiscard]] std::vector<x2sec::core::HttpRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

  absl::StatusOr<x2sec::core::HttpAnswer> Get(const x2sec::core::HttpRequest& request) override {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    if (!request.url.starts_with("http://")) return absl::InvalidArgumentError("not an http:// URL");
    const auto it = pages_.find(request.url);
    if (it == pages_.end() || it->second.away) return absl::UnavailableError("nobody is there");
    const Page& page = it->second;
    if (page.status != 200) return absl::UnavailableError("another status");
    if (!request.etag.empty() && request.etag == page.etag) {
      return x2sec::core::HttpAnswer{.not_modified = true, .body = "", .etag = page.etag, .last_modified = ""};
    }
    return Whole(page, request);
  }
  absl::StatusOr<x2sec::core::HttpAnswer> Post(const x2sec::core::HttpRequest& request) override {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    if (!request.url.starts_with("http://")) return absl::InvalidArgumentError("not an http:// URL");
    const auto it = posts_.find(request.url);
    if (it == posts_.end()) return absl::UnavailableError("nobody is there");
    const Page page = it->second(request.body);
    if (page.away || page.status != 200) return absl::UnavailableError("nobody is there, or another status");
    return Whole(page, request);
  }

 private:
  static absl::StatusOr<x2sec::core::HttpAnswer> Whole(const Page& page, const x2sec::core::HttpRequest& request) {
    if (page.body.size() > request.most_octets) return absl::ResourceExhaustedError("too large");
    return x2sec::core::HttpAnswer{.body = page.body, .etag = page.etag, .last_modified = ""};
  }
  mutable std::mutex mutex_;
  std::map<std::string, Page> pages_;
  std::map<std::string, std::function<Page(const std::string&)>> posts_;
  std::vector<x2sec::core::HttpRequest> requests_;
};

}  // namespace henb::tests
