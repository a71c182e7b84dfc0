// R58: a key that somebody takes away is no credential any more.
#include "henb-x2sec/app/credentials/key_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/log.h"
#include "common/status.h"
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
  KeyWatch watch_{{loop, worker, store_, credentials_, device_.directory.path(), false, [this] { ++gone_; }, [] {}}};
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

/// A store whose token comes and goes.
class TokenStore final : public core::CertificateStore {
 public:
  absl::StatusOr<bool> ImportRoot(const common::Certificate& root) override { return keys.ImportRoot(root); }
  absl::Status ImportIntermediate(const common::Certificate& one) override { return keys.ImportIntermediate(one); }
  absl::StatusOr<bool> RemoveIntermediate(const common::Certificate& one) override {
    return keys.RemoveIntermediate(one);
  }
  absl::StatusOr<std::string> ImportKey(const common::SecretBytes&, const common::Certificate&) override {
    return absl::FailedPreconditionError("a token");
  }
  absl::StatusOr<std::string> ImportCertificate(const common::Certificate& one) override {
    RETURN_IF_ERROR(token);
    return keys.ImportCertificate(one);
  }
  absl::StatusOr<std::vector<core::StoredKey>> Keys() override {
    RETURN_IF_ERROR(token);
    return keys.Keys();
  }
  absl::StatusOr<std::vector<common::Certificate>> Roots() override { return keys.Roots(); }
  absl::Status DeleteKey(const std::string& ckaid) override { return keys.DeleteKey(ckaid); }

  tests::FakeCertificateStore keys;
  absl::Status token;
};

class TokenWatchTest : public tests::LoopFixture {
 protected:
  TokenWatchTest() {
    common::SetLogSinkForTest([this](std::string_view line) { log_.emplace_back(line); });
    device_.config.token = TokenConfig{.label = "TRE", .module = "/usr/lib/tre.so"};
    device_.config.vendor_key.clear();
    // The factory's work.
    EXPECT_TRUE(store_.keys.ImportKey(tests::Pkcs8Of(device_.vendor.key.get()), device_.vendor.certificate).ok());
  }
  ~TokenWatchTest() override { common::SetLogSinkForTest(nullptr); }
  void Start() {
    credentials_ = *Credentials::Load(device_.config, store_);
    static_cast<void>(credentials_.ImportInto(store_));
    watch_.Start();
  }
  void Away() { store_.token = absl::FailedPreconditionError("token \"TRE\" is not there"); }

  tests::DeviceFiles device_;
  TokenStore store_;
  Credentials credentials_;
  std::vector<std::string> log_;
  int gone_ = 0;
  int back_ = 0;
  KeyWatch watch_{{.loop = loop,
                   .worker = worker,
                   .store = store_,
                   .credentials = credentials_,
                   .nssdb = device_.directory.path(),
                   .token = true,
                   .gone = [this] { ++gone_; },
                   .back =
                       [this] {
                         ++back_;
                         EXPECT_TRUE(credentials_.ImportInto(store_).ok());
                         auto found = Credentials::FindOperator(device_.config, store_, credentials_.operator_roots());
                         ASSERT_TRUE(found.ok());
                         credentials_.Restore(*std::move(found));
                       }}};
};

TEST_F(TokenWatchTest, R58ATokenThatIsTakenAwayTakesItsKeysAndBringsThemBack) {
  Start();
  const auto issued = device_.operator_root.IssueHenb("henb-a.example");
  ASSERT_TRUE(store_.keys.ImportKey(tests::Pkcs8Of(issued.key.get()), issued.certificate).ok());
  const auto enrolled = Credentials::InstallEnrolled(device_.config, store_,
                                                     {.certificate = issued.certificate,
                                                      .intermediates = {},
                                                      .anchor = device_.operator_root.certificate(),
                                                      .private_key_pkcs8 = {},
                                                      .ckaid = ""});
  ASSERT_TRUE(enrolled.ok()) << enrolled.status();
  credentials_.Adopt(*enrolled);
  Advance(absl::Seconds(2));
  EXPECT_EQ(gone_, 0);
  Away();
  Advance(absl::Milliseconds(1500));
  EXPECT_EQ(gone_, 0) << "one look is not enough";
  Advance(absl::Milliseconds(1500));
  EXPECT_EQ(gone_, 1);
  EXPECT_EQ(credentials_.vendor().ckaid, "");
  EXPECT_FALSE(credentials_.operator_credential());
  EXPECT_THAT(log_, Contains(AllOf(HasSubstr("credentials.token_unusable"), HasSubstr("is not there"))));
  Advance(absl::Seconds(6));
  EXPECT_EQ(gone_, 1) << "said once";
  const int before = back_;
  store_.token = absl::OkStatus();
  Advance(absl::Seconds(2));
  EXPECT_EQ(back_, before + 1);
  EXPECT_NE(credentials_.vendor().ckaid, "");
  EXPECT_TRUE(credentials_.operator_credential());
  Advance(absl::Seconds(6));
  EXPECT_EQ(back_, before + 1);
}

TEST_F(TokenWatchTest, R33WithoutItsTokenADeviceStartsAndHasNothingToProveItselfWith) {
  Away();
  Start();
  EXPECT_EQ(credentials_.vendor().ckaid, "");
  EXPECT_EQ(credentials_.key_store(), "PKCS11:TRE");
  EXPECT_EQ(store_.Roots()->size(), 2U) << "the roots are in the database all the same";
  Advance(absl::Seconds(2));
  EXPECT_EQ(back_, 0);
  store_.token = absl::OkStatus();
  Advance(absl::Seconds(2));
  EXPECT_EQ(back_, 1);
  EXPECT_NE(credentials_.vendor().ckaid, "");
}

}  // namespace
}  // namespace henb::x2sec::app
