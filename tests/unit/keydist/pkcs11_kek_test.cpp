// A KEK in a real token (SoftHSM2).
#include "keydist-server/pkcs11/pkcs11_kek.h"

#include <gmock/gmock.h>

#include "common/status.h"
#include "keydist-server/domain/root_sealer.h"
#include "tests/support/soft_hsm.h"

namespace henb::keydist::pkcs11 {
namespace {

using ::testing::HasSubstr;

tests::SoftHsm& Hsm() {
  static tests::SoftHsm* const hsm = [] {
    auto* made = new tests::SoftHsm;
    made->MakeToken("keydist");
    made->MakeToken("other");
    return made;
  }();
  return *hsm;
}

common::SecretBytes Root() {
  common::SecretBytes root(32);
  for (std::size_t i = 0; i < root.size(); ++i) root.data()[i] = static_cast<std::uint8_t>(i * 7);
  return root;
}

class Pkcs11KekTest : public ::testing::Test {
 protected:
  void SetUp() override {
    key_ = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    uri_ = Hsm().Uri("keydist", key_);
    ASSERT_TRUE(Pkcs11Kek::Generate(uri_, random_).ok());
  }
  absl::StatusOr<std::shared_ptr<Pkcs11Kek>> Open() const { return Pkcs11Kek::Open(uri_); }
  static domain::RootSealer Sealer(std::shared_ptr<domain::Kek> kek) {
    return *domain::RootSealer::Of({std::move(kek)});
  }
  common::SystemRandom random_;
  std::string key_;
  Pkcs11Uri uri_;
};

TEST_F(Pkcs11KekTest, OpensWhatItSealedAndNothingElse) {
  const auto kek = Open();
  ASSERT_TRUE(kek.ok()) << kek.status();
  const domain::RootSealer sealer = Sealer(*kek);
  const auto sealed = sealer.Seal(sealer.id(), 42, Root(), random_);
  ASSERT_TRUE(sealed.ok()) << sealed.status();
  EXPECT_EQ(sealed->size(), domain::RootSealer::kSealedSize) << "as a file's";
  const auto root = sealer.Open(42, *sealed);
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_TRUE(common::ConstantTimeEquals(*root, Root()));
  EXPECT_TRUE(absl::IsDataLoss(sealer.Open(43, *sealed).status())) << sealer.Open(43, *sealed).status();
  std::string altered = *sealed;
  altered.back() = static_cast<char>(altered.back() ^ 1);
  EXPECT_TRUE(absl::IsDataLoss(sealer.Open(42, altered).status())) << sealer.Open(42, altered).status();
  EXPECT_TRUE(sealer.Open(42, *sealed).ok()) << "what it refused leaves it usable";
}

TEST_F(Pkcs11KekTest, AnotherSessionIsTheSameKekAndAnotherKeyIsNot) {
  const auto one = *Open();
  const std::string sealed = *Sealer(one).Seal(one->id(), 1, Root(), random_);
  const auto again = *Open();
  EXPECT_EQ(again->id(), one->id());
  EXPECT_TRUE(Sealer(again).Open(1, sealed).ok());
  const Pkcs11Uri second = Hsm().Uri("other", key_);
  ASSERT_TRUE(Pkcs11Kek::Generate(second, random_).ok());
  const auto other = *Pkcs11Kek::Open(second);
  EXPECT_NE(other->id(), one->id());
  EXPECT_TRUE(absl::IsFailedPrecondition(Sealer(other).Open(1, sealed).status()));
  EXPECT_EQ(one->place(), "token \"keydist\", key \"" + key_ + "\"");
}

TEST_F(Pkcs11KekTest, TheKeyDoesNotLeaveTheTokenAndIsNotMadeTwice) {
  const auto session = *Pkcs11Session::Open(uri_, Pkcs11Session::Access::kReading);
  const CK_OBJECT_HANDLE key = *session->FindKey(uri_);
  unsigned char octets[64] = {};
  CK_ATTRIBUTE value = {CKA_VALUE, octets, sizeof octets};
  EXPECT_EQ(session->call().C_GetAttributeValue(session->handle(), key, &value, 1), CKR_ATTRIBUTE_SENSITIVE);
  EXPECT_TRUE(absl::IsAlreadyExists(Pkcs11Kek::Generate(uri_, random_)));
}

TEST_F(Pkcs11KekTest, AKeyThatCanBeTakenOutIsRefused) {
  Pkcs11Uri loose = Hsm().Uri("keydist", "loose");
  {
    const auto session = *Pkcs11Session::Open(loose, Pkcs11Session::Access::kWriting);
    CK_ULONG size = 32;
    CK_BBOOL yes = CK_TRUE;
    char label[] = "loose";
    CK_ATTRIBUTE attributes[] = {{CKA_LABEL, label, 5},  {CKA_VALUE_LEN, &size, sizeof size},
                                 {CKA_TOKEN, &yes, 1},   {CKA_EXTRACTABLE, &yes, 1},
                                 {CKA_ENCRYPT, &yes, 1}, {CKA_DECRYPT, &yes, 1}};
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, nullptr, 0};
    CK_OBJECT_HANDLE key = 0;
    ASSERT_EQ(session->call().C_GenerateKey(session->handle(), &mechanism, attributes, std::size(attributes), &key),
              CKR_OK);
  }
  const absl::Status status = Pkcs11Kek::Open(loose).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("can be taken out"));
}

TEST_F(Pkcs11KekTest, SaysWhatIsMissing) {
  const auto says = [&](const Pkcs11Uri& uri, absl::StatusCode code, const char* what) {
    const absl::Status status = Pkcs11Kek::Open(uri).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(what));
  };
  Pkcs11Uri uri = Hsm().Uri("absent", key_);
  says(uri, absl::StatusCode::kUnavailable,
       "token \"absent\", key \"SaysWhatIsMissing\": no such token is there; there are ");
  uri = Hsm().Uri("keydist", "nothing");
  says(uri, absl::StatusCode::kNotFound, "no such AES key");
  uri = uri_;
  uri.module_path = "/usr/lib/none.so";
  says(uri, absl::StatusCode::kInvalidArgument, "module-path");
  uri.module_path = "/lib/x86_64-linux-gnu/libm.so.6";
  says(uri, absl::StatusCode::kInvalidArgument, "not a PKCS #11 module");
  uri = uri_;
  uri.pin_file = Hsm().WriteSecret("open-pin", tests::SoftHsm::kPin);
  std::filesystem::permissions(uri.pin_file, std::filesystem::perms(0644));
  says(uri, absl::StatusCode::kInvalidArgument, "readable by others");
}

TEST_F(Pkcs11KekTest, AWrongPinIsToldAndTriedOnce) {
  Pkcs11Uri uri = uri_;
  uri.pin_file = Hsm().WriteSecret("wrong-pin", "0000");
  const absl::Status status = Pkcs11Kek::Open(uri).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("the PIN in " + uri.pin_file + " is wrong"));
  EXPECT_THAT(std::string(status.message()), ::testing::Not(HasSubstr("0000")));
  EXPECT_TRUE(Open().ok()) << "the right one still opens it";
}

TEST_F(Pkcs11KekTest, ALostSessionIsOpenedAnewAndATokenThatComesBackIsUsed) {
  const auto kek = *Open();
  const domain::RootSealer sealer = Sealer(kek);
  const std::string sealed = *sealer.Seal(sealer.id(), 1, Root(), random_);
  const auto module = *Pkcs11Module::Load(tests::SoftHsm::kModule);
  const auto restart = [&] {  // All its sessions are gone.
    ASSERT_EQ(module->call().C_Finalize(nullptr), CKR_OK);
    CK_C_INITIALIZE_ARGS arguments = {};
    arguments.flags = CKF_OS_LOCKING_OK;
    ASSERT_EQ(module->call().C_Initialize(&arguments), CKR_OK);
  };
  restart();
  EXPECT_TRUE(kek->Check().ok()) << kek->Check();
  restart();
  EXPECT_TRUE(sealer.Open(1, sealed).ok());

  Hsm().TakeAway();
  restart();
  const absl::Status away = sealer.Open(1, sealed).status();
  EXPECT_TRUE(absl::IsUnavailable(away)) << away;
  EXPECT_THAT(std::string(away.message()), HasSubstr("no such token"));
  EXPECT_TRUE(absl::IsUnavailable(kek->Check()));
  EXPECT_TRUE(absl::IsUnavailable(sealer.Seal(sealer.id(), 2, Root(), random_).status()));
  Hsm().BringBack();
  restart();
  EXPECT_TRUE(sealer.Open(1, sealed).ok()) << "by itself";
  EXPECT_TRUE(kek->Check().ok());
}

}  // namespace
}  // namespace henb::keydist::pkcs11
