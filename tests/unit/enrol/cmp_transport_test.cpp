// HTTP as it goes wrong.
#include "henb-x2sec/enrol/cmp_transport.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <thread>

#include "common/strings.h"
#include "common/unique_fd.h"

namespace henb::x2sec::enrol {
namespace {

using absl::StatusCode;
using ::testing::StartsWith;

/// Takes one connection, reads what comes first, writes `answer`, and keeps the connection open until it dies when
/// `hold`.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer, bool hold = false) {
    listening_ = common::UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listening_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listening_.get(), 4), 0);
    socklen_t size = sizeof address;
    getsockname(listening_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/pkix/";
    thread_ = std::thread([this, hold, answer = std::move(answer)] {
      const common::UniqueFd connection(accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      char chunk[4096];
      (void)!recv(connection.get(), chunk, sizeof chunk, 0);
      (void)!send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
      while (hold && recv(connection.get(), chunk, sizeof chunk, 0) > 0) {
      }
    });
  }
  ~OneAnswer() {
    shutdown(listening_.get(), SHUT_RDWR);
    thread_.join();
  }
  [[nodiscard]] const std::string& url() const { return url_; }

 private:
  common::UniqueFd listening_;
  std::string url_;
  std::thread thread_;
};

absl::Status Ask(const std::string& url, absl::Duration timeout = absl::Seconds(10)) {
  const auto transport = HttpTransport::Create(url).value();
  return transport->Exchange("request", timeout).status();
}

std::string Http(const std::string& status, const std::string& type, const std::string& body) {
  return common::StrCat("HTTP/1.1 ", status, "\r\nContent-Type: ", type, "\r\nContent-Length: ", body.size(),
                        "\r\n\r\n", body);
}

TEST(HttpTransport, TakesAnAnswer) {
  const OneAnswer server(Http("200 OK", "application/pkixcmp", std::string("\x30\x00", 2)));
  EXPECT_EQ(Ask(server.url()), absl::OkStatus());
}

TEST(HttpTransport, HttpErrorsHaveTheirName) {
  for (const std::string& answer :
       {Http("500 Internal", "text/plain", "sorry"), Http("404 Not Found", "text/plain", ""),
        Http("200 OK", "text/html", "<html>"), std::string("no HTTP at all\r\n\r\n")}) {
    const OneAnswer server(answer);
    const absl::Status status = Ask(server.url());
    EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status;
    EXPECT_THAT(std::string(status.message()), StartsWith("cmp.http_error: ")) << answer;
  }
}

TEST(HttpTransport, BodiesThatAreNoDerOrTooLargeAreMalformed) {
  const std::string huge = std::string("\x30\x83\x10\x00\x00", 5) + std::string(1 << 20, 'x');
  for (const std::string& body : {std::string("hello"), huge}) {
    const OneAnswer server(Http("200 OK", "application/pkixcmp", body));
    const absl::Status status = Ask(server.url());
    EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition) << status;
    EXPECT_THAT(std::string(status.message()), StartsWith("cmp.malformed_answer: "));
  }
}

TEST(HttpTransport, SilenceEndsAtTheDeadline) {
  std::string cut = Http("200 OK", "application/pkixcmp", std::string("\x30\x01\x00", 3));
  cut.pop_back();
  for (const std::string& answer : {std::string(), cut}) {
    const OneAnswer server(answer, true);
    const auto started = std::chrono::steady_clock::now();
    const absl::Status status = Ask(server.url(), absl::Seconds(1));
    EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded) << status;
    EXPECT_THAT(std::string(status.message()), StartsWith("cmp.timeout: "));
    EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(8));
  }
}

TEST(HttpTransport, AClosedPortIsUnreachableAtOnce) {
  std::string url;
  {
    const OneAnswer gone("");
    url = gone.url();
  }
  const auto started = std::chrono::steady_clock::now();
  const absl::Status status = Ask(url, absl::Seconds(30));
  EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), StartsWith("cmp.unreachable: "));
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(8));
}

TEST(HttpTransport, RefusesUrlsThatAreNotHttp) {
  for (const char* url : {"", "127.0.0.1:80", "ftp://a/", "https://a/", "http://", "http://a:99999999/"}) {
    EXPECT_EQ(HttpTransport::Create(url).status().code(), StatusCode::kInvalidArgument) << url;
  }
  EXPECT_TRUE(HttpTransport::Create("http://[2001:db8::1]:8080/pkix").ok());
}

}  // namespace
}  // namespace henb::x2sec::enrol
