#include "keydist-server/domain/software_kek.h"

#include <cryptopp/aes.h>
#include <cryptopp/gcm.h>

#include "common/digest.h"
#include "common/status.h"

namespace henb::keydist::domain {
namespace {

const CryptoPP::byte* In(const char* p) { return reinterpret_cast<const CryptoPP::byte*>(p); }
CryptoPP::byte* Out(char* p) { return reinterpret_cast<CryptoPP::byte*>(p); }

}  // namespace

absl::StatusOr<std::shared_ptr<SoftwareKek>> SoftwareKek::Make(common::SecretBytes key, std::string place) {
  if (key.size() != kKekSize) {
    return absl::InvalidArgumentError(common::StrCat("a key-encryption key has 32 octets, not ", key.size()));
  }
  common::SecretBytes labelled = common::SecretBytes::CopyOf(std::string_view("henb-x2sec/kek-id/v1"));
  labelled.Append(key.span());
  std::string id(common::Sha256Digest::Of(labelled.view()).bytes().substr(0, kKekIdSize));
  return std::shared_ptr<SoftwareKek>(new SoftwareKek(std::move(key), std::move(id), std::move(place)));
}

absl::StatusOr<std::string> SoftwareKek::Encrypt(const SealNonce& nonce, std::string_view additional,
                                                 const common::SecretBytes& plain) {
  std::string sealed(plain.size() + kSealTagSize, '\0');
  CryptoPP::GCM<CryptoPP::AES>::Encryption gcm;
  gcm.SetKeyWithIV(key_.data(), key_.size(), nonce.data(), nonce.size());
  gcm.EncryptAndAuthenticate(Out(sealed.data()), Out(sealed.data() + plain.size()), kSealTagSize, nonce.data(),
                             static_cast<int>(nonce.size()), In(additional.data()), additional.size(), plain.data(),
                             plain.size());
  return sealed;
}

absl::StatusOr<common::SecretBytes> SoftwareKek::Decrypt(const SealNonce& nonce, std::string_view additional,
                                                         std::string_view sealed) {
  if (sealed.size() < kSealTagSize) return absl::DataLossError("too short to be sealed");
  common::SecretBytes plain(sealed.size() - kSealTagSize);
  CryptoPP::GCM<CryptoPP::AES>::Decryption gcm;
  gcm.SetKeyWithIV(key_.data(), key_.size(), nonce.data(), nonce.size());
  if (!gcm.DecryptAndVerify(plain.data(), In(sealed.data() + plain.size()), kSealTagSize, nonce.data(),
                            static_cast<int>(nonce.size()), In(additional.data()), additional.size(), In(sealed.data()),
                            plain.size())) {
    return absl::DataLossError("altered, or sealed for something else");
  }
  return plain;
}

}  // namespace henb::keydist::domain
