// One suite for libcurl against a real socket on loopback, and for the fake.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <thread>

#include "common/strings.h"
#include "common/unique_fd.h"
#include "henb-x2sec/revocation/curl_fetcher.h"
#include "tests/support/fake_http_fetcher.h"

namespace henb::tests {
namespace {

using x2sec::core::HttpRequest;
using x2sec::revocation::CurlFetcher;

/// Serves one page with an ETag, a redirect, an error, and a page that never ends, until it is destroyed.
class TinyServer {
 public:
  TinyServer() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    listen(listener_.get(), 8);
    socklen_t size = sizeof address;
    getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~TinyServer() {
    shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  [[nodiscard]] std::string Url(const std::string& path) const {
    return common::StrCat("http://127.0.0.1:", port_, path);
  }

 private:
  void Serve() {
    while (true) {
      const common::UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd.valid()) return;
      std::string request;
      char chunk[2048];
      ssize_t got = 0;
      while (request.find("\r\n\r\n") == std::string::npos && (got = recv(fd.get(), chunk, sizeof chunk, 0)) > 0) {
        request.append(chunk, static_cast<std::size_t>(got));
      }
      const std::size_t head = request.find("\r\n\r\n");
      while (request.starts_with("POST ") && request.size() < head + 4 + BodySize(request) &&
             (got = recv(fd.get(), chunk, sizeof chunk, 0)) > 0) {
        request.append(chunk, static_cast<std::size_t>(got));
      }
      Reply(fd.get(), request);
    }
  }
  static std::size_t BodySize(const std::string& request) {
    const std::size_t at = request.find("Content-Length: ");
    return at == std::string::npos ? 0 : std::strtoul(request.c_str() + at + 16, nullptr, 10);
  }
  static void Send(int fd, const std::string& text) { send(fd, text.data(), text.size(), MSG_NOSIGNAL); }
  static void Reply(int fd, const std::string& request) {
    if (request.starts_with("GET /page ")) {
      if (request.find("If-None-Match: \"7\"\r\n") != std::string::npos) {
        return Send(fd, "HTTP/1.1 304 Not Modified\r\nETag: \"7\"\r\n\r\n");
      }
      return Send(fd, "HTTP/1.1 200 OK\r\nETag: \"7\"\r\nContent-Length: 5\r\n\r\nhello");
    }
    if (request.starts_with("POST /echo ")) {
      const std::string body = request.substr(request.find("\r\n\r\n") + 4);
      const bool typed = request.find("Content-Type: application/ocsp-request\r\n") != std::string::npos;
      const std::string answer = typed && request.find("Expect:") == std::string::npos ? body : "not as asked for";
      return Send(fd, common::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", answer.size(), "\r\n\r\n", answer));
    }
    if (request.starts_with("GET /moved ")) {
      return Send(fd, "HTTP/1.1 302 Found\r\nLocation: /page\r\nContent-Length: 0\r\n\r\n");
    }
    if (request.starts_with("GET /stream ")) {  // no length: it must be cut off by what comes
      Send(fd, "HTTP/1.1 200 OK\r\n\r\n");
      const std::string block(4096, 'x');
      for (int i = 0; i < 1000 && send(fd, block.data(), block.size(), MSG_NOSIGNAL) > 0; ++i) {
      }
      return;
    }
    if (request.starts_with("GET /silent ")) {
      char chunk[1];
      recv(fd, chunk, sizeof chunk, 0);  // until the client gives up
      return;
    }
    Send(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  }
  common::UniqueFd listener_;
  int port_ = 0;
  std::thread thread_;
};

class HttpFetcherTest : public ::testing::TestWithParam<bool> {
 protected:
  HttpFetcherTest() {
    fake_.Put(server_.Url("/page"), {.body = "hello", .etag = "\"7\""});
    fake_.Put(server_.Url("/moved"), {.body = "", .etag = "", .status = 302});
    fake_.Put(server_.Url("/none"), {.body = "", .etag = "", .status = 404});
    fake_.Put(server_.Url("/stream"), {.body = std::string(100'000, 'x'), .etag = ""});
    fake_.OnPost(server_.Url("/echo"),
                 [](const std::string& body) { return FakeHttpFetcher::Page{.body = body, .etag = ""}; });
  }
  x2sec::core::HttpFetcher& fetcher() {
    if (GetParam()) return curl_;
    return fake_;
  }
  TinyServer server_;
  CurlFetcher curl_;
  FakeHttpFetcher fake_;
};

INSTANTIATE_TEST_SUITE_P(Fake, HttpFetcherTest, ::testing::Values(false));
INSTANTIATE_TEST_SUITE_P(Curl, HttpFetcherTest, ::testing::Values(true));

TEST_P(HttpFetcherTest, GetsAPageAndItsTag) {
  const auto answer = fetcher().Get({.url = server_.Url("/page")});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->body, "hello");
  EXPECT_EQ(answer->etag, "\"7\"");
  EXPECT_FALSE(answer->not_modified);
}

TEST_P(HttpFetcherTest, PostsABodyOfAnyOctets) {
  const std::string body("a\0\r\n\xff", 5);
  const HttpRequest request{.url = server_.Url("/echo"), .body = body, .content_type = "application/ocsp-request"};
  const auto answer = fetcher().Post(request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->body, body);
  EXPECT_EQ(fetcher().Post({.url = server_.Url("/none"), .body = body}).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST_P(HttpFetcherTest, DoesNotGetWhatIsHeld) {
  const auto answer = fetcher().Get({.url = server_.Url("/page"), .etag = "\"7\""});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_TRUE(answer->not_modified);
  EXPECT_EQ(answer->body, "");
  EXPECT_FALSE(fetcher().Get({.url = server_.Url("/page"), .etag = "\"6\""})->not_modified);
}

TEST_P(HttpFetcherTest, FollowsNoRedirectAndTakesNoError) {
  EXPECT_TRUE(absl::IsUnavailable(fetcher().Get({.url = server_.Url("/moved")}).status()));
  EXPECT_TRUE(absl::IsUnavailable(fetcher().Get({.url = server_.Url("/none")}).status()));
  EXPECT_TRUE(absl::IsUnavailable(fetcher().Get({.url = "http://127.0.0.1:1/"}).status()));
}

TEST_P(HttpFetcherTest, TakesNoMoreThanItMay) {
  EXPECT_TRUE(
      absl::IsResourceExhausted(fetcher().Get({.url = server_.Url("/stream"), .most_octets = 10'000}).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(fetcher().Get({.url = server_.Url("/page"), .most_octets = 4}).status()));
  EXPECT_TRUE(fetcher().Get({.url = server_.Url("/page"), .most_octets = 5}).ok());
}

TEST_P(HttpFetcherTest, SpeaksHttpAlone) {
  for (const char* url : {"file:///etc/passwd", "https://127.0.0.1/", "ftp://127.0.0.1/", ""}) {
    EXPECT_TRUE(absl::IsInvalidArgument(fetcher().Get({.url = url}).status())) << url;
  }
}

TEST(CurlFetcher, HasADeadlineAndStops) {
  TinyServer server;
  CurlFetcher fetcher;
  const HttpRequest request{.url = server.Url("/silent"), .deadline = absl::Milliseconds(300)};
  EXPECT_TRUE(absl::IsDeadlineExceeded(fetcher.Get(request).status()));
  fetcher.Stop();
  EXPECT_TRUE(absl::IsUnavailable(fetcher.Get({.url = server.Url("/silent")}).status()));
}

}  // namespace
}  // namespace henb::tests
