#include "henb-x2sec/nss/module_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/file.h"
#include "tests/support/nss_database.h"

namespace henb::tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using x2sec::nss::AddModule;
using x2sec::nss::HasModule;

constexpr const char* kModule = "/usr/lib/softhsm/libsofthsm2.so";

/// What NSS itself makes of the list.
std::string Modules(const NssDatabase& database) {
  common::ProcessRequest request;
  request.argv = {"/usr/bin/modutil", "-dbdir", "sql:" + database.path(), "-list"};
  request.deadline = absl::Seconds(60);
  const auto result = common::SystemProcessRunner().Run(request);
  return result.ok() ? result->output + result->error : result.status().ToString();
}

TEST(ModuleList, R33AddsTheModuleOnceAndNssLoadsIt) {
  const NssDatabase database;
  const std::string list = database.path() + "/pkcs11.txt";
  const std::string before = common::ReadFile(list).value();
  ASSERT_EQ(chmod(list.c_str(), 0640), 0);
  EXPECT_FALSE(HasModule(database.path(), kModule).value());
  EXPECT_THAT(Modules(database), Not(HasSubstr("SoftHSM")));
  EXPECT_TRUE(AddModule(database.path(), kModule).value());
  EXPECT_TRUE(HasModule(database.path(), kModule).value());
  EXPECT_THAT(Modules(database), ::testing::AllOf(HasSubstr("SoftHSM"), HasSubstr("x2sec token")));
  EXPECT_FALSE(AddModule(database.path(), kModule).value());
  const std::string after = common::ReadFile(list).value();
  EXPECT_THAT(after, HasSubstr("NSS Internal PKCS #11 Module"));
  EXPECT_GT(after.size(), before.size());
  struct stat info {};
  ASSERT_EQ(stat(list.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640U);
}

TEST(ModuleList, ANameThatOnlyBeginsLikeItIsAnother) {
  const NssDatabase database;
  ASSERT_TRUE(AddModule(database.path(), "/usr/lib/tre.so.2").value());
  EXPECT_FALSE(HasModule(database.path(), "/usr/lib/tre.so").value());
  EXPECT_TRUE(AddModule(database.path(), "/usr/lib/tre.so").value());
  EXPECT_TRUE(HasModule(database.path(), "/usr/lib/tre.so.2").value());
}

TEST(ModuleList, RefusesWhatWouldBeMoreThanALineAndAMissingDatabase) {
  const NssDatabase database;
  EXPECT_EQ(AddModule(database.path(), "/usr/lib/a\nNSS=x").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(AddModule("/nowhere", kModule).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace henb::tests
