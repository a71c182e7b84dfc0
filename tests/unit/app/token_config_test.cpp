#include "henb-x2sec/app/config/token_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/file.h"
#include "device_files.h"

namespace henb::x2sec::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(TokenUri, NamesTheTokenAndNothingElse) {
  EXPECT_EQ(ParseTokenUri("pkcs11:token=TRE").value(), "TRE");
  EXPECT_EQ(ParseTokenUri("pkcs11:type=private;token=My%20TRE").value(), "My TRE");
  for (const char* wrong : {"", "pkcs11:", "pkcs11:token=", "pkcs11:object=vendor", "pkcs11:token=a;token=b",
                            "pkcs11:token=a:b", "pkcs11:token=%4", "pkcs11:token=a%0Ab", "token=a",
                            "pkcs11:token=a-token-whose-label-has-more-than-32-octets"}) {
    EXPECT_EQ(ParseTokenUri(wrong).status().code(), absl::StatusCode::kInvalidArgument) << wrong;
  }
  const auto refused = ParseTokenUri("pkcs11:token=TRE;pin-value=4711").status();
  EXPECT_THAT(std::string(refused.message()), HasSubstr("token.pin_file"));
  EXPECT_THAT(std::string(refused.message()), Not(HasSubstr("4711"))) << "a PIN is never repeated";
}

class TokenPin : public ::testing::Test {
 protected:
  absl::StatusOr<common::SecretBytes> Read(const std::string& text, mode_t mode = 0600) {
    token.pin_file = directory.File("pins");
    EXPECT_TRUE(common::WriteFileAtomically(token.pin_file, text, mode).ok());
    return ReadTokenPin(token);
  }
  std::string Pin(const std::string& text) {
    const auto read = Read(text);
    return read.ok() ? std::string(read->view()) : read.status().ToString();
  }
  tests::TempDirectory directory;
  TokenConfig token{.label = "TRE", .module = "/usr/lib/tre.so"};
};

TEST_F(TokenPin, IsTheTokensLineOfPlutosFileOrTheOneLineThereIs) {
  EXPECT_EQ(Pin("NSS Certificate DB:secret\nTRE:47:11\n"), "47:11");
  EXPECT_EQ(Pin("4711\n"), "4711");
  EXPECT_EQ(Pin("4711"), "4711");
  for (const char* none : {"", "\n", "TREE:1\n", "NSS Certificate DB:secret\n", "1\n2\n", "TRE:\n"}) {
    EXPECT_THAT(Pin(none), HasSubstr("no line")) << none;
    EXPECT_THAT(Pin(none), Not(HasSubstr("secret")));
  }
}

TEST_F(TokenPin, RefusesAFileThatOthersMayRead) {
  EXPECT_EQ(Read("4711\n", 0640).status().code(), absl::StatusCode::kPermissionDenied);
  token.pin_file = directory.File("absent");
  EXPECT_EQ(ReadTokenPin(token).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(TokenPin, MayBeACredentialOfTheServiceManager) {
  ASSERT_TRUE(common::WriteFileAtomically(directory.File("tre-pin"), "4711\n", 0600).ok());
  token.pin_file = "credential:tre-pin";
  unsetenv("CREDENTIALS_DIRECTORY");
  EXPECT_EQ(ReadTokenPin(token).status().code(), absl::StatusCode::kNotFound);
  setenv("CREDENTIALS_DIRECTORY", directory.path().c_str(), 1);
  EXPECT_EQ(ReadTokenPin(token)->view(), "4711");
  token.pin_file = "credential:../tre-pin";
  EXPECT_EQ(ReadTokenPin(token).status().code(), absl::StatusCode::kInvalidArgument);
  unsetenv("CREDENTIALS_DIRECTORY");
}

}  // namespace
}  // namespace henb::x2sec::app
