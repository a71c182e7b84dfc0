// The sockets: rights, stale ones, foreign ones, limits.
#include "henb-x2sec/control/control_server.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "common/unique_fd.h"
#include "common/unix_socket.h"
#include "control_fixture.h"

namespace henb::x2sec::control {
namespace {

using testing::HasSubstr;

mode_t ModeOf(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

/// A socket file that nobody serves, as a killed daemon leaves it.
void LeaveStaleSocket(const std::string& path) {
  const common::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  ASSERT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
}

class ControlSockets : public ControlFixture {
 protected:
  void MakeRunFolder(mode_t mode) {
    std::filesystem::create_directory(folder_ + "/run");
    ASSERT_EQ(chmod((folder_ + "/run").c_str(), mode), 0);
  }
};

TEST_F(ControlSockets, AreTheirOwnersAloneWhereTheGroupIsMissing) {
  StartServer();
  EXPECT_EQ(ModeOf(Config().control_socket), 0600U);
  EXPECT_EQ(ModeOf(Config().status_socket), 0600U);
  EXPECT_EQ(ModeOf(folder_ + "/run") & 0777U, 0755U);
}

TEST_F(ControlSockets, BelongToTheirGroups) {
  if (geteuid() != 0) GTEST_SKIP() << "giving a file to a group needs root";
  ControlServerConfig config = Config();
  config.admin_group = "adm";
  config.status_group = "users";
  const auto server = ControlServer::Start(config, backend_);
  ASSERT_TRUE(server.ok()) << server.status();
  struct stat info {};
  ASSERT_EQ(stat(config.control_socket.c_str(), &info), 0);
  EXPECT_EQ(ModeOf(config.control_socket), 0660U);
  EXPECT_EQ(info.st_gid, 4U);
  EXPECT_EQ(ModeOf(config.status_socket), 0660U);
}

TEST_F(ControlSockets, ReplacesStaleOnes) {
  MakeRunFolder(0755);
  LeaveStaleSocket(Config().control_socket);
  LeaveStaleSocket(Config().status_socket);
  StartServer();
  EXPECT_EQ(Ctl({"links"}).status, 0);
  EXPECT_EQ(StatusCtl({"links"}).status, 0);
}

TEST_F(ControlSockets, LeavesAnotherDaemonsAlone) {
  StartServer();
  const auto second = ControlServer::Start(Config(), backend_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists) << second.status();
  EXPECT_EQ(Ctl({"links"}).status, 0);
}

TEST_F(ControlSockets, LeavesWhatIsNoSocketAlone) {
  MakeRunFolder(0755);
  const std::string file = Write("run/control.sock", "precious");
  const auto server = ControlServer::Start(Config(), backend_);
  EXPECT_EQ(server.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(server.status().message()), HasSubstr(file));
  EXPECT_EQ(std::filesystem::file_size(file), 8U);
}

TEST_F(ControlSockets, RefusesAFolderThatEverybodyWrites) {
  MakeRunFolder(0777);
  const auto server = ControlServer::Start(Config(), backend_);
  EXPECT_EQ(server.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ControlSockets, RefusesBadPaths) {
  for (const std::string& path :
       {std::string(), std::string("relative.sock"), folder_ + "/", folder_ + std::string(108, 'x')}) {
    ControlServerConfig config = Config();
    config.status_socket = path;
    EXPECT_EQ(ControlServer::Start(config, backend_).status().code(), absl::StatusCode::kInvalidArgument) << path;
  }
}

TEST_F(ControlSockets, LeavesNothingBehind) {
  StartServer();
  server_->Stop();
  server_->Stop();
  EXPECT_TRUE(std::filesystem::is_empty(folder_ + "/run"));
}

TEST_F(ControlSockets, AFailedStartLeavesNothingBehind) {
  MakeRunFolder(0755);
  ControlServerConfig config = Config();
  config.status_socket = folder_ + "/run";
  EXPECT_FALSE(ControlServer::Start(config, backend_).ok());
  EXPECT_TRUE(std::filesystem::is_empty(folder_ + "/run"));
}

TEST_F(ControlSockets, WithoutADaemonItIsNotReachable) {
  EXPECT_EQ(Ctl({"links"}).status, 3);
  StartServer();
  server_->Stop();
  const CtlResult result = Ctl({"links"});
  EXPECT_EQ(result.status, 3);
  EXPECT_THAT(result.err, HasSubstr(Config().control_socket));
}

TEST_F(ControlSockets, AStaleSocketIsNotReachable) {
  MakeRunFolder(0755);
  LeaveStaleSocket(Config().control_socket);
  EXPECT_EQ(Ctl({"links"}).status, 3);
}

TEST_F(ControlSockets, RefusesAHugeMessage) {
  StartServer();
  const std::string most = std::string(4 << 20, ' ');
  EXPECT_EQ(Ctl({"neighbour", "add", "--file", Write("huge.json", most)}).status, 1);
  EXPECT_EQ(Ctl({"neighbour", "add", "--file", Write("huger.json", most + " ")}).status, 2);
  EXPECT_TRUE(backend_.changes().empty());
  EXPECT_EQ(Ctl({"links"}).status, 0);
}

}  // namespace
}  // namespace henb::x2sec::control
