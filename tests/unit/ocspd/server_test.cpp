// The HTTP end under good and bad clients, on a real loopback socket.
#include "henb-x2sec/ocspd/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/tcp_listener.h"

namespace henb::x2sec::ocspd {
namespace {

using common::UniqueFd;

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    // Port 0: a free one.
    UniqueFd listener = common::ListenOn(*common::IpAddress::Parse("127.0.0.1"), 0, 64).value();
    socklen_t size = sizeof address_;
    getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address_), &size);
    server_ = std::make_unique<Server>(
        loop_, std::move(listener),
        [](const HttpQuestion& question) { return OcspHttpAnswer("answer to " + question.der); },
        ServerLimits{.connections = 2, .patience = absl::Milliseconds(200)});
  }
  [[nodiscard]] UniqueFd Connect() const {
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_), 0);
    return fd;
  }
  /// Runs the loop until the other end has closed; what it said.
  std::string ReadAll(int fd) {
    std::string out;
    const absl::Duration until = clock_.Steady() + absl::Seconds(10);
    while (clock_.Steady() < until) {
      loop_.RunOnce(absl::Milliseconds(5));
      char chunk[4096];
      const ssize_t got = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT);
      if (got > 0) out.append(chunk, static_cast<std::size_t>(got));
      if (got == 0 || (got < 0 && errno != EAGAIN)) return out;
    }
    return "nothing in time";
  }
  const common::SystemClock clock_;
  common::EventLoop loop_{clock_};
  sockaddr_in address_{};
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, AnswersOneRequestInPiecesR41) {
  const UniqueFd fd = Connect();
  for (const std::string_view part : {"POST / HTTP/1.0\r\nContent-", "Length: 3\r\n\r\na", "bc"}) {
    send(fd.get(), part.data(), part.size(), MSG_NOSIGNAL);
    loop_.RunOnce(absl::Milliseconds(20));
  }
  const std::string answer = ReadAll(fd.get());
  EXPECT_THAT(answer, testing::StartsWith("HTTP/1.0 200 OK\r\n"));
  EXPECT_THAT(answer, testing::EndsWith("\r\n\r\nanswer to abc"));
}

TEST_F(ServerTest, HoldsAnAwaitedAnswerUntilItIsThereOrTimeIsOverR41) {
  int looks = 0;
  int there_at = 3;
  UniqueFd listener = common::ListenOn(*common::IpAddress::Parse("127.0.0.1"), 0, 64).value();
  socklen_t size = sizeof address_;
  getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address_), &size);
  const Server holding(
      loop_, std::move(listener),
      [&](const HttpQuestion&) { return OcspHttpAnswer(looks >= there_at ? "the word" : "no word"); },
      ServerLimits{.hold = absl::Milliseconds(100), .look_again = absl::Milliseconds(10)},
      [&](const HttpQuestion& question, bool first) {
        EXPECT_EQ(question.der, "x");
        EXPECT_EQ(first, looks == 0);
        return ++looks < there_at;
      });
  const std::string_view request = "POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\nx";
  for (const std::string_view expected : {"the word", "no word"}) {
    looks = 0;
    const UniqueFd fd = Connect();
    send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
    EXPECT_THAT(ReadAll(fd.get()), testing::EndsWith(std::string(expected)));
    there_at = 1000;
  }
  EXPECT_LE(looks, 12);
}

TEST_F(ServerTest, RefusesNonsense) {
  const UniqueFd fd = Connect();
  const std::string_view nonsense = "DELETE / HTTP/1.0\r\n\r\n";
  send(fd.get(), nonsense.data(), nonsense.size(), MSG_NOSIGNAL);
  EXPECT_THAT(ReadAll(fd.get()), testing::StartsWith("HTTP/1.0 400 "));
}

TEST_F(ServerTest, HasNoPatienceWithTheSilent) {
  const UniqueFd fd = Connect();
  EXPECT_EQ(ReadAll(fd.get()), "");
}

TEST_F(ServerTest, TheSilentDoNotKeepOthersOut) {
  const UniqueFd first = Connect();
  const UniqueFd second = Connect();
  const UniqueFd third = Connect();
  const std::string_view request = "POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\nx";
  send(third.get(), request.data(), request.size(), MSG_NOSIGNAL);
  EXPECT_THAT(ReadAll(third.get()), testing::EndsWith("answer to x"));
}

TEST(TakeListener, OnlyWhatIsHandedToThisProcess) {
  EXPECT_FALSE(TakeListener(nullptr, nullptr)->valid());
  EXPECT_FALSE(TakeListener("1", "1")->valid()) << "another process's";
  EXPECT_TRUE(absl::IsInvalidArgument(TakeListener(std::to_string(getpid()).c_str(), "2").status()));
}

}  // namespace
}  // namespace henb::x2sec::ocspd
