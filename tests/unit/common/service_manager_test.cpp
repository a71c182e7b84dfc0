#include "common/service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstdlib>
#include <string>

#include "common/unique_fd.h"
#include "tests/support/temp_directory.h"

namespace henb::common {
namespace {

TEST(ServiceManager, IsToldWhereItListens) {
  const tests::TempDirectory folder;
  const std::string path = folder.path() + "/notify";
  const UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  NotifyServiceManager("READY=1");  // Nobody asked: nothing happens.
  setenv("NOTIFY_SOCKET", path.c_str(), 1);
  NotifyServiceManager("STOPPING=1");
  unsetenv("NOTIFY_SOCKET");
  std::array<char, 64> text{};
  ASSERT_GT(recv(fd.get(), text.data(), text.size(), MSG_DONTWAIT), 0);
  EXPECT_STREQ(text.data(), "STOPPING=1");
}

}  // namespace
}  // namespace henb::common
