// SoftHSM2's tokens in a folder of their own, in this process.
#pragma once

#include <gtest/gtest.h>
#include <p11-kit/pkcs11.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "keydist-server/pkcs11/pkcs11_module.h"
#include "tests/support/temp_directory.h"

namespace henb::tests {

/// One in a process, made before the module is first loaded.
class SoftHsm {
 public:
  static constexpr char kModule[] = "/usr/lib/softhsm/libsofthsm2.so";
  static constexpr char kPin[] = "1234-5678";

  SoftHsm() {
    std::filesystem::create_directory(folder_.File("tokens"));
    std::ofstream(folder_.File("softhsm2.conf"))
        << "directories.tokendir = " << folder_.File("tokens") << "\nobjectstore.backend = file\nlog.level = ERROR\n";
    setenv("SOFTHSM2_CONF", folder_.File("softhsm2.conf").c_str(), 1);
    pin_file_ = WriteSecret("pin", std::string(kPin) + "\n");
  }

  /// A token with this label and kPin.
  void MakeToken(const std::string& label) const {
    const auto module = *keydist::pkcs11::Pkcs11Module::Load(kModule);
    const CK_FUNCTION_LIST& call = module->call();
    std::vector<CK_SLOT_ID> slots(64);
    CK_ULONG count = slots.size();
    ASSERT_EQ(call.C_GetSlotList(CK_FALSE, slots.data(), &count), CKR_OK);
    const CK_SLOT_ID free = slots[count - 1];  // The last is always an empty one.
    std::string so_pin = "87654321";
    std::string pin = kPin;
    std::string padded = label + std::string(32 - label.size(), ' ');
    ASSERT_EQ(call.C_InitToken(free, Octets(so_pin), so_pin.size(), Octets(padded)), CKR_OK);
    CK_SESSION_HANDLE session = 0;
    ASSERT_EQ(call.C_OpenSession(free, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session), CKR_OK);
    ASSERT_EQ(call.C_Login(session, CKU_SO, Octets(so_pin), so_pin.size()), CKR_OK);
    ASSERT_EQ(call.C_InitPIN(session, Octets(pin), pin.size()), CKR_OK);
    call.C_CloseSession(session);
  }
  [[nodiscard]] std::string UriText(const std::string& token, const std::string& key) const {
    return UriText(token, key, pin_file_);
  }
  [[nodiscard]] static std::string UriText(const std::string& token, const std::string& key,
                                           const std::string& pin_file) {
    return "pkcs11:token=" + token + ";object=" + key + "?module-path=" + kModule + "&pin-source=file:" + pin_file;
  }
  [[nodiscard]] keydist::pkcs11::Pkcs11Uri Uri(const std::string& token, const std::string& key) const {
    return *keydist::pkcs11::ParsePkcs11Uri(UriText(token, key));
  }
  [[nodiscard]] std::string WriteSecret(const std::string& name, const std::string& text) const {
    std::ofstream(folder_.File(name)) << text;
    std::filesystem::permissions(folder_.File(name), std::filesystem::perms(0600));
    return folder_.File(name);
  }
  /// The tokens are away, or back again, for a module that is loaded afterwards.
  void TakeAway() const {
    std::filesystem::rename(folder_.File("tokens"), folder_.File("away"));
    std::filesystem::create_directory(folder_.File("tokens"));
  }
  void BringBack() const {
    std::filesystem::remove_all(folder_.File("tokens"));
    std::filesystem::rename(folder_.File("away"), folder_.File("tokens"));
  }
  [[nodiscard]] const std::string& pin_file() const { return pin_file_; }

 private:
  static unsigned char* Octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
  TempDirectory folder_;
  std::string pin_file_;
};

}  // namespace henb::tests
