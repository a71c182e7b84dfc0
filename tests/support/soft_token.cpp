#include "tests/support/soft_token.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pkcs11.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <vector>

#include "common/process_runner.h"
#include "common/strings.h"
#include "tests/support/fake_certificate_store.h"
#include "tests/support/temp_directory.h"
#include "tests/support/test_pki.h"

namespace henb::tests {
namespace {

constexpr int kTokens = 32;

/// softhsm2-util in the surroundings of this process's module.
void Util(std::vector<std::string> arguments) {
  common::ProcessRequest request;
  request.argv = {"/usr/bin/env", common::StrCat("SOFTHSM2_CONF=", std::getenv("SOFTHSM2_CONF")),
                  "/usr/bin/softhsm2-util"};
  request.argv.insert(request.argv.end(), arguments.begin(), arguments.end());
  request.deadline = absl::Seconds(60);
  const auto done = common::SystemProcessRunner().Run(request);
  EXPECT_TRUE(done.ok() && done->exit_status == 0)
      << (done.ok() ? done->output + done->error : done.status().ToString());
}

class Pool {
 public:
  Pool() {
    std::filesystem::create_directory(tokens());
    const std::string config = directory_.path() + "/softhsm2.conf";
    std::ofstream(config) << "directories.tokendir = " << tokens()
                          << "\nobjectstore.backend = file\nlog.level = ERROR\n";
    setenv("SOFTHSM2_CONF", config.c_str(), 1);
    std::set<std::string> known;
    for (int i = 0; i < kTokens; ++i) {
      const std::string label = common::StrCat("TRE ", i);
      Util({"--init-token", "--free", "--label", label, "--pin", SoftToken::kPin, "--so-pin", "12345678"});
      for (const auto& entry : std::filesystem::directory_iterator(tokens())) {
        if (known.insert(entry.path()).second) made_.push_back({label, entry.path()});
      }
    }
  }

  struct Made {
    std::string label, folder;
  };
  Made Next() {
    EXPECT_LT(next_, made_.size()) << "make kTokens larger";
    return made_.at(next_++);
  }

 private:
  [[nodiscard]] std::string tokens() const { return directory_.path() + "/tokens"; }
  TempDirectory directory_;
  std::vector<Made> made_;
  std::size_t next_ = 0;
};

/// The module without NSS between, logged in as the process is.
class Raw {
 public:
  explicit Raw(const std::string& label) {
    void* library = dlopen(SoftToken::kModule, RTLD_NOW | RTLD_NOLOAD);
    CK_C_GetFunctionList list = nullptr;
    if (library != nullptr) list = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
    if (list == nullptr || list(&functions_) != CKR_OK) std::abort();
    std::vector<CK_SLOT_ID> slots(64);
    CK_ULONG count = slots.size();
    functions_->C_GetSlotList(CK_TRUE, slots.data(), &count);
    for (CK_ULONG i = 0; i < count; ++i) {
      CK_TOKEN_INFO info{};
      functions_->C_GetTokenInfo(slots[i], &info);
      if (std::string_view(reinterpret_cast<char*>(info.label), label.size() + 1) != label + " ") continue;
      functions_->C_OpenSession(slots[i], CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session_);
    }
  }
  ~Raw() { functions_->C_CloseSession(session_); }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;

  CK_OBJECT_HANDLE PrivateKey(std::string id) {
    CK_OBJECT_CLASS kind = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &kind, sizeof kind}, {CKA_ID, id.data(), id.size()}};
    CK_OBJECT_HANDLE found = CK_INVALID_HANDLE;
    CK_ULONG count = 0;
    functions_->C_FindObjectsInit(session_, wanted, 2);
    functions_->C_FindObjects(session_, &found, 1, &count);
    functions_->C_FindObjectsFinal(session_);
    if (count != 1) std::abort();
    return found;
  }
  CK_RV Get(CK_OBJECT_HANDLE object, CK_ATTRIBUTE* attribute) {
    return functions_->C_GetAttributeValue(session_, object, attribute, 1);
  }
  CK_RV Set(CK_OBJECT_HANDLE object, CK_ATTRIBUTE attribute) {
    return functions_->C_SetAttributeValue(session_, object, &attribute, 1);
  }

 private:
  CK_FUNCTION_LIST* functions_ = nullptr;
  CK_SESSION_HANDLE session_ = CK_INVALID_HANDLE;
};

}  // namespace

SoftToken::SoftToken() {
  static Pool pool;
  const auto made = pool.Next();
  label_ = made.label;
  folder_ = made.folder;
}

x2sec::nss::TokenSettings SoftToken::Settings() const {
  return {kModule, label_, [] { return common::SecretBytes::CopyOf(std::string_view(kPin)); }};
}

void SoftToken::Import(EVP_PKEY* key, std::string id) const {
  const TempDirectory directory;
  const std::string file = directory.File("key.pem");
  std::ofstream(file) << PemOf(key);
  if (id.empty()) id = FakeCertificateStore::CkaidOf(key);
  Util({"--import", file, "--token", label_, "--label", "vendor", "--id", id, "--pin", kPin});
}

void SoftToken::AllowDecrypting(EVP_PKEY* key) const {
  Raw raw(label_);
  CK_BBOOL yes = CK_TRUE;
  const CK_ATTRIBUTE_TYPE use = EVP_PKEY_is_a(key, "EC") == 1 ? CKA_DERIVE : CKA_DECRYPT;
  const std::string id = *common::FromHex(FakeCertificateStore::CkaidOf(key));
  EXPECT_EQ(raw.Set(raw.PrivateKey(id), {use, &yes, sizeof yes}), CKR_OK);
}

bool SoftToken::GivesAway(const std::string& ckaid, unsigned long attribute) const {
  Raw raw(label_);
  char value[512];
  CK_ATTRIBUTE wanted{attribute, value, sizeof value};
  return raw.Get(raw.PrivateKey(*common::FromHex(ckaid)), &wanted) == CKR_OK;
}

void SoftToken::TakeAway() const { std::filesystem::rename(folder_, folder_ + ".away"); }

}  // namespace henb::tests
