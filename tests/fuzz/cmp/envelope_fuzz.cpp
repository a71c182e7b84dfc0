// Envelopes from outside: any octets, and a good one with octets changed. Whatever opens is what was put in.
#include <openssl/ec.h>
#include <openssl/evp.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "henb-x2sec/enrol/envelope.h"
#include "policy/envelope.h"
#include "tests/support/test_pki.h"

namespace {

using henb::common::SecretBytes;

constexpr std::string_view kSecret = "0123456789abcdef0123456789abcdef";

/// A key in memory.
class Keys final : public henb::x2sec::core::DeviceDecryption {
 public:
  explicit Keys(EVP_PKEY* key) : key_(key) {}
  absl::StatusOr<SecretBytes> DecryptOaep(const std::string&, std::string_view) override {
    return absl::InvalidArgumentError("no RSA key");
  }
  absl::StatusOr<SecretBytes> Agree(const std::string&, std::string_view point) override {
    EVP_PKEY* other = EVP_PKEY_new();
    SecretBytes out(32);
    std::size_t size = out.size();
    EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(key_, nullptr);
    const bool agreed = EVP_PKEY_copy_parameters(other, key_) == 1 &&
                        EVP_PKEY_set1_encoded_public_key(other, reinterpret_cast<const unsigned char*>(point.data()),
                                                         point.size()) == 1 &&
                        EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_derive_set_peer(context, other) == 1 &&
                        EVP_PKEY_derive(context, out.data(), &size) == 1;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(other);
    if (!agreed) return absl::InvalidArgumentError("not such a point");
    return out;
  }

 private:
  EVP_PKEY* key_;
};

struct World {
  henb::tests::TestAuthority vendor = henb::tests::TestAuthority::Root("/O=Vendor/CN=Root");
  henb::tests::TestCredential device = vendor.IssueHenb("henb-a.example");
  Keys keys{device.key.get()};
  std::string good = henb::policy::EncryptFor(device.certificate, SecretBytes::CopyOf(kSecret)).value();
};

World& TheWorld() {
  static World* const kWorld = new World;
  return *kWorld;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  World& world = TheWorld();
  std::string der(reinterpret_cast<const char*>(data), size);
  if (size >= 3 && data[0] % 2 == 0) {
    der = world.good;
    for (std::size_t i = 1; i + 2 < size; i += 3)
      der[(data[i] * 256U + data[i + 1]) % der.size()] = static_cast<char>(data[i + 2]);
  }
  const auto opened = henb::x2sec::enrol::OpenEnvelope(der, world.device.certificate, "", world.keys);
  if (opened.ok() && opened->view() != kSecret) std::abort();
  return 0;
}
