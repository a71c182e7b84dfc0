#include "common/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/temp_directory.h"

namespace henb::common {
namespace {

mode_t ModeOf(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

class FileTest : public testing::Test {
 protected:
  tests::TempDirectory folder_;
};

TEST_F(FileTest, WritesAndReadsWhole) {
  const std::string path = folder_.File("f");
  const std::string content("a\0b", 3);
  ASSERT_TRUE(WriteFileAtomically(path, content).ok());
  EXPECT_EQ(*ReadFile(path), content);
  EXPECT_EQ(ReadSecretFile(path)->view(), content);
  EXPECT_EQ(ModeOf(path), 0600U);
}

TEST_F(FileTest, ReplacingChangesContentAndModeAndLeavesNothingBeside) {
  const std::string path = folder_.File("f");
  ASSERT_TRUE(WriteFileAtomically(path, "old").ok());
  ASSERT_TRUE(WriteFileAtomically(path + ".new", "left by a power cut").ok());
  const mode_t before = umask(0077);
  ASSERT_TRUE(WriteFileAtomically(path, "new", 0644).ok());
  umask(before);
  EXPECT_EQ(*ReadFile(path), "new");
  EXPECT_EQ(ModeOf(path), 0644U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
}

TEST_F(FileTest, AFailedWriteLeavesTheOldContent) {
  const std::string path = folder_.File("taken");
  std::filesystem::create_directories(path + "/not-empty");
  EXPECT_FALSE(WriteFileAtomically(path, "x").ok());
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
  EXPECT_TRUE(std::filesystem::is_directory(path));
  EXPECT_EQ(WriteFileAtomically(folder_.File("missing/f"), "x").code(), absl::StatusCode::kNotFound);
}

TEST_F(FileTest, AddsAtTheEndOfAFileThatIsThere) {
  const std::string path = folder_.File("f");
  EXPECT_EQ(AppendDurably(path, "x").code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(WriteFileAtomically(path, "a\n").ok());
  ASSERT_TRUE(AppendDurably(path, "b\n").ok());
  EXPECT_EQ(*ReadFile(path), "a\nb\n");
}

TEST_F(FileTest, DoesNotFollowALinkLaidInItsWay) {
  const std::string target = folder_.File("target");
  ASSERT_TRUE(WriteFileAtomically(target, "precious").ok());
  std::filesystem::create_symlink(target, folder_.File("f.new"));
  ASSERT_TRUE(WriteFileAtomically(folder_.File("f"), "x").ok());
  EXPECT_EQ(*ReadFile(target), "precious");
}

TEST_F(FileTest, ReadErrorsNameThePath) {
  const auto missing = ReadFile(folder_.File("missing"));
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(std::string(missing.status().message()).find("missing"), std::string::npos);
  EXPECT_FALSE(ReadFile(folder_.path()).ok());
}

TEST_F(FileTest, LargerThanTheLimitIsRefused) {
  const std::string path = folder_.File("f");
  ASSERT_TRUE(WriteFileAtomically(path, std::string(100, 'x')).ok());
  EXPECT_TRUE(ReadFile(path, 100).ok());
  EXPECT_EQ(ReadFile(path, 99).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReadSecretFile(path, 99).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(FileTest, MakesFoldersWithTheirModeWhateverTheUmask) {
  const mode_t before = umask(0077);
  const absl::Status made = MakeDirectories(folder_.File("a/b"), 0755);
  umask(before);
  ASSERT_TRUE(made.ok()) << made;
  EXPECT_EQ(ModeOf(folder_.File("a")), 0755U);
  EXPECT_EQ(ModeOf(folder_.File("a/b")), 0755U);
  ASSERT_EQ(chmod(folder_.File("a").c_str(), 0700), 0);
  EXPECT_TRUE(MakeDirectories(folder_.File("a/b"), 0755).ok());
  EXPECT_EQ(ModeOf(folder_.File("a")), 0700U);
}

TEST_F(FileTest, AFileIsNoFolder) {
  ASSERT_TRUE(WriteFileAtomically(folder_.File("f"), "x").ok());
  EXPECT_FALSE(MakeDirectories(folder_.File("f")).ok());
  EXPECT_FALSE(MakeDirectories(folder_.File("f/g")).ok());
}

TEST_F(FileTest, R48SecretsAreForMemoryFileSystems) {
  EXPECT_TRUE(RequireMemoryFileSystem("/dev/shm").ok());
  EXPECT_EQ(RequireMemoryFileSystem("/proc").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(RequireMemoryFileSystem(folder_.File("missing")).code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace henb::common
