#include "henb-x2sec/pluto/secret_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "tests/support/temp_directory.h"

namespace henb::x2sec::pluto {
namespace {

using common::HenbId;
using common::SecretBytes;
using testing::ElementsAre;
using testing::IsEmpty;

HenbId Id(const char* text) { return *HenbId::Parse(text); }
const HenbId kA = Id("henb-a.example");
const HenbId kB = Id("henb-b.example");
const HenbId kC = Id("henb-c.example");

SecretBytes Key(char fill) { return SecretBytes::CopyOf(std::string(32, fill)); }

class SecretFileTest : public testing::Test {
 protected:
  std::unique_ptr<SecretFile> Open() {
    auto file = SecretFile::Open({.path = path_, .require_memory = false});
    EXPECT_TRUE(file.ok()) << file.status();
    return file.ok() ? *std::move(file) : nullptr;
  }
  void Write(std::string_view text, mode_t mode = 0600) {
    ASSERT_TRUE(common::WriteFileAtomically(path_, text, mode).ok());
  }
  std::string Text() { return common::ReadFile(path_).value_or("none"); }

  tests::TempDirectory folder_;
  std::string path_ = folder_.File("x2.secrets");
};

TEST_F(SecretFileTest, WritesTheExactPairAndNoWildcard) {  // R15
  auto file = Open();
  ASSERT_TRUE(file->Put(kA, kB, Key('\x11')).ok());
  EXPECT_EQ(Text(), "@henb-a.example @henb-b.example : PSK 0x" + std::string(64, '1') + "\n");
}

TEST_F(SecretFileTest, IsThereBeforeThereIsASecretSoThatPlutoCanReadIt) {
  Open();
  EXPECT_EQ(Text(), "");
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
}

TEST_F(SecretFileTest, IsReadableByItsOwnerOnly) {  // R48
  auto file = Open();
  const mode_t before = umask(0);
  ASSERT_TRUE(file->Put(kA, kB, Key('\x11')).ok());
  umask(before);
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
}

TEST_F(SecretFileTest, RefusesAFolderThatIsNotInMemory) {  // R48
  const auto file = SecretFile::Open({.path = "/etc/x2.secrets"});
  EXPECT_TRUE(absl::IsFailedPrecondition(file.status())) << file.status();
  EXPECT_TRUE(SecretFile::Open({.path = "/dev/shm/x2.secrets.test"}).ok());
  unlink("/dev/shm/x2.secrets.test");
}

TEST_F(SecretFileTest, ReplacesOnePairAndLeavesTheOthers) {
  auto file = Open();
  ASSERT_TRUE(file->Put(kA, kB, Key('\x11')).ok());
  ASSERT_TRUE(file->Put(kA, kC, Key('\x22')).ok());
  ASSERT_TRUE(file->Put(kA, kB, Key('\x33')).ok());
  EXPECT_EQ(Text(), "@henb-a.example @henb-b.example : PSK 0x" + std::string(64, '3') +
                        "\n@henb-a.example @henb-c.example : PSK 0x" + std::string(64, '2') + "\n");
  ASSERT_TRUE(file->Remove(kA, kB).ok());
  EXPECT_EQ(Text(), "@henb-a.example @henb-c.example : PSK 0x" + std::string(64, '2') + "\n");
  EXPECT_FALSE(file->Has(kA, kB));
  EXPECT_TRUE(file->Has(kA, kC));
}

TEST_F(SecretFileTest, TakesOverWhatARestartFinds) {
  ASSERT_TRUE(Open()->Put(kA, kB, Key('\x11')).ok());
  const std::string before = Text();
  auto file = Open();
  EXPECT_THAT(file->Pairs(), ElementsAre(core::SecretPair{kA, kB}));
  EXPECT_EQ(Text(), before);
  ASSERT_TRUE(file->Put(kA, kC, Key('\x22')).ok());
  EXPECT_TRUE(Text().starts_with(before));
}

TEST_F(SecretFileTest, NoticesThatTheFileIsGone) {
  auto file = Open();
  ASSERT_TRUE(file->Put(kA, kB, Key('\x11')).ok());
  ASSERT_EQ(unlink(path_.c_str()), 0);
  ASSERT_TRUE(file->Put(kA, kC, Key('\x22')).ok());
  EXPECT_FALSE(file->Has(kA, kB));
}

TEST_F(SecretFileTest, RefusesAFileThatOthersCouldRead) {
  Write("", 0640);
  const auto file = SecretFile::Open({.path = path_, .require_memory = false});
  EXPECT_TRUE(absl::IsFailedPrecondition(file.status())) << file.status();
}

TEST_F(SecretFileTest, RefusesALink) {
  ASSERT_TRUE(common::WriteFileAtomically(folder_.File("elsewhere"), "", 0600).ok());
  ASSERT_EQ(symlink(folder_.File("elsewhere").c_str(), path_.c_str()), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(SecretFile::Open({.path = path_, .require_memory = false}).status()));
}

TEST_F(SecretFileTest, RefusesForeignLinesByNumberAndNeverQuotesThem) {  // R15, R48
  const std::string good = "@henb-a.example @henb-b.example : PSK 0x" + std::string(64, '1') + "\n";
  for (const std::string& bad : std::vector<std::string>{
           "%any @henb-b.example : PSK 0x" + std::string(64, '7'), ": PSK 0x" + std::string(64, '7'),
           "@henb-a.example : PSK 0x" + std::string(64, '7'), "@henb-a.example @henb-b.example : PSK 0x77",
           "@henb-a.example @henb-b.example : PSK \"" + std::string(64, '7') + "\"",
           "@henb-a.example @*.example : PSK 0x" + std::string(64, '7'), "# comment", ""}) {
    Write(good + bad + "\n");
    const auto file = SecretFile::Open({.path = path_, .require_memory = false});
    EXPECT_TRUE(absl::IsInvalidArgument(file.status())) << bad;
    EXPECT_EQ(file.status().message(), path_ + ":2: not a line of ours");
  }
}

TEST_F(SecretFileTest, RefusesKeysThatAreTooShortOrTooLong) {
  auto file = Open();
  for (const std::size_t size : {0U, 15U, 65U}) {
    EXPECT_TRUE(absl::IsInvalidArgument(file->Put(kA, kB, SecretBytes(size)))) << size;
  }
  EXPECT_TRUE(file->Put(kA, kB, SecretBytes(16)).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(file->Put(kA, kA, Key('x'))));
  EXPECT_TRUE(absl::IsInvalidArgument(file->Put(HenbId(), kB, Key('x'))));
}

TEST_F(SecretFileTest, RemovesWhatACrashInTheMiddleLeft) {
  ASSERT_TRUE(common::WriteFileAtomically(path_ + ".new", "half a sec", 0600).ok());
  Open();
  EXPECT_TRUE(absl::IsNotFound(common::ReadFile(path_ + ".new").status()));
}

TEST_F(SecretFileTest, RemovingFromNothingChangesNothing) {
  auto file = Open();
  EXPECT_TRUE(file->Remove(kA, kB).ok());
  EXPECT_EQ(Text(), "");
  EXPECT_THAT(file->Pairs(), IsEmpty());
}

}  // namespace
}  // namespace henb::x2sec::pluto
