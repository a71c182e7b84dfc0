#include "keydist-server/domain/pair_key.h"

#include <cryptopp/hmac.h>
#include <cryptopp/sha.h>

#include <array>
#include <cstring>

#include "common/henb_id.h"
#include "common/status.h"

namespace henb::keydist::domain {
namespace {

constexpr std::string_view kSalt = "henb-x2sec/pair-key/v1";
constexpr std::size_t kBlock = CryptoPP::SHA256::BLOCKSIZE;
constexpr std::size_t kHash = CryptoPP::SHA256::DIGESTSIZE;
static_assert(kPairKeySize == kHash, "one block of HKDF-Expand is one key");

using Byte = CryptoPP::byte;

/// The info of a key: both ends, the epoch, both generations, the purpose, and the counter octet of HKDF's first block.
class Info {
 public:
  void Bytes(std::string_view bytes) {
    std::memcpy(buffer_.data() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  template <typename T>
  void BigEndian(T value) {
    for (int shift = 8 * (static_cast<int>(sizeof(T)) - 1); shift >= 0; shift -= 8) {
      buffer_[size_++] = static_cast<Byte>(value >> shift);
    }
  }
  [[nodiscard]] const Byte* data() const { return buffer_.data(); }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::array<Byte, 2 * (2 + common::HenbId::kMaxLength) + 8 + 4 + 4 + 1 + 1> buffer_;
  std::size_t size_ = 0;
};

}  // namespace

/// SHA-256 after the first block of HMAC's inner and outer hash (RFC 2104): each key then costs two compressions less.
/// Crypto++'s hash objects hold their state in a block that wipes itself.
struct EpochKeys::State {
  CryptoPP::SHA256 inner;
  CryptoPP::SHA256 outer;
};

EpochKeys::EpochKeys(std::uint64_t epoch, std::unique_ptr<State> state) : epoch_(epoch), state_(std::move(state)) {}
EpochKeys::~EpochKeys() = default;

absl::StatusOr<std::shared_ptr<const EpochKeys>> EpochKeys::FromRoot(std::uint64_t epoch,
                                                                     const common::SecretBytes& root) {
  if (root.size() != kRootSize) return absl::InvalidArgumentError("an epoch's root has 32 octets");
  // HKDF-Extract: PRK = HMAC(salt, root).
  common::SecretBytes prk(kHash);
  CryptoPP::HMAC<CryptoPP::SHA256> extract(reinterpret_cast<const Byte*>(kSalt.data()), kSalt.size());
  extract.CalculateDigest(prk.data(), root.data(), root.size());

  auto state = std::make_unique<State>();
  common::SecretBytes pad(kBlock);
  for (std::size_t i = 0; i < kBlock; ++i) pad.data()[i] = (i < kHash ? prk.data()[i] : 0) ^ 0x36U;
  state->inner.Update(pad.data(), pad.size());
  for (std::size_t i = 0; i < kBlock; ++i) pad.data()[i] ^= 0x36U ^ 0x5cU;
  state->outer.Update(pad.data(), pad.size());
  return std::shared_ptr<const EpochKeys>(new EpochKeys(epoch, std::move(state)));
}

void EpochKeys::Derive(const KeyEnd& one, const KeyEnd& other, Purpose purpose,
                       std::span<std::uint8_t, kPairKeySize> out) const {
  const bool in_order = one.id < other.id;
  const KeyEnd& lower = in_order ? one : other;
  const KeyEnd& higher = in_order ? other : one;
  Info info;
  info.BigEndian(static_cast<std::uint16_t>(lower.id.size()));
  info.Bytes(lower.id);
  info.BigEndian(static_cast<std::uint16_t>(higher.id.size()));
  info.Bytes(higher.id);
  info.BigEndian(epoch_);
  info.BigEndian(lower.generation);
  info.BigEndian(higher.generation);
  info.BigEndian(static_cast<std::uint8_t>(purpose));
  info.BigEndian(std::uint8_t{1});  // HKDF-Expand: T(1) = HMAC(PRK, info ‖ 0x01).

  CryptoPP::SHA256 inner(state_->inner);
  inner.Update(info.data(), info.size());
  inner.Final(out.data());
  CryptoPP::SHA256 outer(state_->outer);
  outer.Update(out.data(), out.size());
  outer.Final(out.data());
}

}  // namespace henb::keydist::domain
