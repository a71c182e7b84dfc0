#include "common/secret_bytes.h"

#include <openssl/crypto.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstring>

namespace henb::common {

SecretBytes::SecretBytes(SecretBytes&& other) noexcept : bytes_(std::move(other.bytes_)) { other.bytes_.clear(); }

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this == &other) return *this;
  Wipe();
  bytes_ = std::move(other.bytes_);
  other.bytes_.clear();
  return *this;
}

SecretBytes SecretBytes::CopyOf(std::span<const std::uint8_t> bytes) {
  SecretBytes out;
  out.Append(bytes);
  return out;
}

SecretBytes SecretBytes::CopyOf(std::string_view bytes) {
  SecretBytes out;
  out.Append(bytes);
  return out;
}

void SecretBytes::Reserve(std::size_t capacity) {
  if (capacity <= bytes_.capacity()) return;
  std::vector<std::uint8_t> larger;
  larger.reserve(capacity * 2);
  larger.assign(bytes_.begin(), bytes_.end());
  Wipe();
  bytes_ = std::move(larger);
}

void SecretBytes::Append(std::span<const std::uint8_t> bytes) {
  const bool own = !bytes.empty() && bytes.data() >= bytes_.data() && bytes.data() < bytes_.data() + bytes_.size();
  if (own) return Append(CopyOf(bytes).span());
  Reserve(bytes_.size() + bytes.size());
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

void SecretBytes::Append(std::string_view text) {
  Append(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

void SecretBytes::AppendHex(std::span<const std::uint8_t> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  Reserve(bytes_.size() + 2 * bytes.size());
  for (const std::uint8_t byte : bytes) {
    bytes_.push_back(static_cast<std::uint8_t>(kDigits[byte >> 4]));
    bytes_.push_back(static_cast<std::uint8_t>(kDigits[byte & 15]));
  }
}

void SecretBytes::Wipe() {
  if (!bytes_.empty()) Zeroise(bytes_.data(), bytes_.size());
  bytes_.clear();
}

bool ConstantTimeEquals(const SecretBytes& a, const SecretBytes& b) {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

void Zeroise(void* memory, std::size_t size) { OPENSSL_cleanse(memory, size); }

void DisableCoreDumps() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace henb::common
