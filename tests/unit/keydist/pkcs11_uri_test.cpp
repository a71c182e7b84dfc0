#include "keydist-server/pkcs11/pkcs11_uri.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace henb::keydist::pkcs11 {
namespace {

using ::testing::HasSubstr;

constexpr char kQuery[] = "?module-path=/m.so&pin-source=file:/p";

TEST(Pkcs11UriTest, ReadsWhatItNeeds) {
  const auto uri = ParsePkcs11Uri(
      "pkcs11:token=The%20token;serial=0815;manufacturer=M;model=V2;object=kek;id=%00%ff;type=secret-key"
      "?module-path=/usr/lib/m.so&pin-source=/etc/pin");
  ASSERT_TRUE(uri.ok()) << uri.status();
  EXPECT_EQ(uri->token, "The token");
  EXPECT_EQ(uri->serial, "0815");
  EXPECT_EQ(uri->manufacturer, "M");
  EXPECT_EQ(uri->model, "V2");
  EXPECT_EQ(uri->object, "kek");
  EXPECT_EQ(uri->id, std::string("\0\xff", 2));
  EXPECT_EQ(uri->module_path, "/usr/lib/m.so");
  EXPECT_EQ(uri->pin_file, "/etc/pin");
  EXPECT_EQ(uri->Text(), "token \"The token\", key \"kek\"");
}

TEST(Pkcs11UriTest, RefusesTheRestAndSaysWhy) {
  const auto refused = [](const std::string& text, const char* why) {
    const absl::Status status = ParsePkcs11Uri(text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(why)) << text;
  };
  const std::string query = kQuery;
  refused("pkcs11:object=kek" + query, "token or serial is missing");
  refused("pkcs11:token=t" + query, "object or id is missing");
  refused("pkcs11:token=t;object=k", "missing");
  refused("pkcs11:token=t;object=k?module-path=/m.so", "pin-source is missing");
  refused("pkcs11:token=t;object=k?pin-source=file:/p", "module-path is missing");
  refused("pkcs11:token=t;object=k?module-path=m.so&pin-source=/p", "not an absolute path");
  refused("pkcs11:token=t;object=k?module-path=/m.so&pin-source=file:p", "not an absolute path");
  refused("pkcs11:token=t;token=u;object=k" + query, "twice");
  refused("pkcs11:token=t;object=k;slot-id=1" + query, "not known");
  refused("pkcs11:token=t;object=k;type=private" + query, "type");
  refused("pkcs11:token=t;object" + query, "not name=value");
  refused("pkcs11:token=;object=k" + query, "is empty");
  refused("pkcs11:token=%4;object=k" + query, "% without two digits");
  refused("pkcs11:token=a b;object=k" + query, "written as %XX");
  refused("pkcs11:token=a%00;object=k" + query, "octet 0");
  refused("pkcs11:" + query, "not name=value");
  refused("file:/x", "not a PKCS #11 URI");
  refused("pkcs11:token=" + std::string(3000, 'x') + ";object=k" + query, "not a PKCS #11 URI");
}

TEST(Pkcs11UriTest, APinInItIsRefusedAndNotRepeated) {
  const absl::Status status =
      ParsePkcs11Uri(std::string("pkcs11:token=t;object=k") + kQuery + "&pin-value=s3cret").status();
  EXPECT_THAT(std::string(status.message()),
              ::testing::AllOf(HasSubstr("pin-value"), ::testing::Not(HasSubstr("s3cret"))));
}

}  // namespace
}  // namespace henb::keydist::pkcs11
