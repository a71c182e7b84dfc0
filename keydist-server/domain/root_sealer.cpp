#include "keydist-server/domain/root_sealer.h"

#include <cryptopp/aes.h>
#include <cryptopp/gcm.h>

#include <array>

#include "common/digest.h"
#include "common/status.h"
#include "keydist-server/domain/pair_key.h"

namespace henb::keydist::domain {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kIdSize = 8;
constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kTagSize = 16;
constexpr std::size_t kNonceAt = 1 + kIdSize;
constexpr std::size_t kTextAt = kNonceAt + kNonceSize;
constexpr std::size_t kTagAt = kTextAt + kRootSize;
static_assert(kTagAt + kTagSize == RootSealer::kSealedSize);

using Byte = CryptoPP::byte;

const Byte* In(const char* p) { return reinterpret_cast<const Byte*>(p); }
Byte* Out(char* p) { return reinterpret_cast<Byte*>(p); }

std::string AdditionalData(std::uint64_t epoch, std::string_view kek_id) {
  std::string data = "henb-x2sec/epoch-root/v1";
  data.push_back(kVersion);
  data.append(kek_id);
  for (int shift = 56; shift >= 0; shift -= 8) data.push_back(static_cast<char>(epoch >> shift));
  return data;
}

}  // namespace

absl::StatusOr<RootSealer> RootSealer::Make(common::SecretBytes kek) {
  if (kek.size() != kKekSize) {
    return absl::InvalidArgumentError(common::StrCat("a key-encryption key has 32 octets, not ", kek.size()));
  }
  common::SecretBytes labelled = common::SecretBytes::CopyOf(std::string_view("henb-x2sec/kek-id/v1"));
  labelled.Append(kek.span());
  std::string id(common::Sha256Digest::Of(labelled.view()).bytes().substr(0, kIdSize));
  return RootSealer(std::move(kek), std::move(id));
}

std::string RootSealer::Seal(std::uint64_t epoch, const common::SecretBytes& root, common::Random& random) const {
  std::string sealed(kSealedSize, '\0');
  sealed[0] = kVersion;
  sealed.replace(1, kIdSize, id_);
  std::array<std::uint8_t, kNonceSize> nonce;
  random.Fill(nonce);
  std::copy(nonce.begin(), nonce.end(), sealed.begin() + kNonceAt);
  const std::string additional = AdditionalData(epoch, id_);
  CryptoPP::GCM<CryptoPP::AES>::Encryption gcm;
  gcm.SetKeyWithIV(kek_.data(), kek_.size(), nonce.data(), nonce.size());
  gcm.EncryptAndAuthenticate(Out(sealed.data() + kTextAt), Out(sealed.data() + kTagAt), kTagSize, nonce.data(),
                             static_cast<int>(nonce.size()), In(additional.data()), additional.size(), root.data(),
                             root.size());
  return sealed;
}

absl::StatusOr<common::SecretBytes> RootSealer::Open(std::uint64_t epoch, std::string_view sealed) const {
  if (sealed.size() != kSealedSize || sealed[0] != kVersion) {
    return absl::DataLossError(common::StrCat("root of epoch ", epoch, " is not a sealed root of this version"));
  }
  const std::string_view sealed_by = sealed.substr(1, kIdSize);
  if (sealed_by != id_) {
    return absl::FailedPreconditionError(common::StrCat("root of epoch ", epoch, " was sealed under the KEK ",
                                                        common::ToHex(sealed_by), ", the KEK given is ", kek_id()));
  }
  const std::string additional = AdditionalData(epoch, id_);
  const Byte* nonce = In(sealed.data() + kNonceAt);
  CryptoPP::GCM<CryptoPP::AES>::Decryption gcm;
  gcm.SetKeyWithIV(kek_.data(), kek_.size(), nonce, kNonceSize);
  common::SecretBytes root(kRootSize);
  if (!gcm.DecryptAndVerify(root.data(), In(sealed.data() + kTagAt), kTagSize, nonce, kNonceSize, In(additional.data()),
                            additional.size(), In(sealed.data() + kTextAt), kRootSize)) {
    return absl::DataLossError(common::StrCat("root of epoch ", epoch, " was altered or belongs to another epoch"));
  }
  return root;
}

std::string RootSealer::kek_id() const { return common::ToHex(id_); }

}  // namespace henb::keydist::domain
