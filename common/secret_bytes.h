// The only type in which a secret lives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace henb::common {

/// Owns secret octets: zeroised when destroyed, moved from or assigned over; cannot be printed, formatted or compared
/// with == (see ConstantTimeEquals); copying is spelled out (Clone). Its memory is kept out of core dumps where the
/// kernel allows (MADV_DONTDUMP is set process-wide by DisableCoreDumps). Not synchronised: one thread at a time.
class SecretBytes {
 public:
  SecretBytes() = default;
  /// `size` zero octets, to be filled through data().
  explicit SecretBytes(std::size_t size) : bytes_(size) {}
  ~SecretBytes() { Wipe(); }
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;

  /// A copy of the octets. The source stays the caller's to wipe.
  [[nodiscard]] static SecretBytes CopyOf(std::span<const std::uint8_t> bytes);
  [[nodiscard]] static SecretBytes CopyOf(std::string_view bytes);
  [[nodiscard]] SecretBytes Clone() const { return CopyOf(span()); }

  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  [[nodiscard]] std::uint8_t* data() { return bytes_.data(); }
  [[nodiscard]] const std::uint8_t* data() const { return bytes_.data(); }
  [[nodiscard]] std::span<const std::uint8_t> span() const { return bytes_; }
  /// For libraries that take text. The view dies with this object.
  [[nodiscard]] std::string_view view() const { return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}; }

  /// Appends without leaving a copy behind when memory moves.
  void Append(std::span<const std::uint8_t> bytes);
  void Append(std::string_view text);
  /// Appends two lower-case hexadecimal digits an octet (pluto's `0x…` form).
  void AppendHex(std::span<const std::uint8_t> bytes);
  void Wipe();

 private:
  void Reserve(std::size_t capacity);
  std::vector<std::uint8_t> bytes_;
};

/// Equal contents, in time that depends on the sizes only.
[[nodiscard]] bool ConstantTimeEquals(const SecretBytes& a, const SecretBytes& b);

/// Overwrites memory in a way the optimiser keeps.
void Zeroise(void* memory, std::size_t size);

/// No core dumps and no ptrace by others for this process (RLIMIT_CORE 0, PR_SET_DUMPABLE 0). Call first in main().
void DisableCoreDumps();

}  // namespace henb::common
