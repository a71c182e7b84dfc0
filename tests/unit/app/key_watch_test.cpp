// R58: a key that somebody takes away is no credential any more.
#include "henb-x2sec/app/key_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/log.h"
#include "device_files.h"
#include "loop_fixture.h"

namespace henb::x2sec::app {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class KeyWatchTest : public tests::LoopFixture {
 protected:
  KeyWatchTest() : credentials_(Credentials::Load(device_.config, store_).value()) {
    common::SetLogSinkForTest([this](std::string_view line) { log_.emplace_back(line); });
    EXPECT_TRUE(credentials_.ImportInto(store_).ok());
    Touch("at first");
    watch_.Start();
  }
  ~KeyWatchTest() override { common::SetLogSinkForTest(nullptr); }
  /// NSS writes its database.
  void Touch(const std::string& what) {
    EXPECT_TRUE(common::WriteFileAtomically(device_.directory.File("key4.db"), what).ok());
  }
  tests::DeviceFiles device_;
  tests::FakeCertificateStore store_;
  Credentials credentials_;
  std::vector<std::string> log_;
  int gone_ = 0;
  KeyWatch watch_{{loop, worker, store_, credentials_, device_.directory.path(), [this] { ++gone_; }}};
};

TEST_F(KeyWatchTest, AKeyThatIsTakenAwayIsMissedAtTheSecondLookR58) {
  const std::string ckaid = credentials_.vendor().ckaid;
  ASSERT_FALSE(ckaid.empty());
  Advance(absl::Seconds(2));
  EXPECT_EQ(gone_, 0);
  ASSERT_TRUE(store_.DeleteKey(ckaid).ok());
  Touch("without it");
  Advance(absl::Milliseconds(1500));
  EXPECT_EQ(gone_, 0) << "a database that is being written may not show everything";
  Advance(absl::Milliseconds(1500));
  EXPECT_EQ(gone_, 1);
  EXPECT_EQ(credentials_.vendor().ckaid, "");
  EXPECT_THAT(log_, Contains(AllOf(HasSubstr("credentials.key_removed"), HasSubstr("henb-a.example"))));
  Touch("something else");
  Advance(absl::Seconds(4));
  EXPECT_EQ(gone_, 1) << "said once";
}

TEST_F(KeyWatchTest, OtherChangesOfTheDatabaseAreNoneOfOurs) {
  Touch("somebody imports a certificate");
  Advance(absl::Seconds(2));
  EXPECT_EQ(gone_, 0);
  EXPECT_NE(credentials_.vendor().ckaid, "");
}

}  // namespace
}  // namespace henb::x2sec::app
