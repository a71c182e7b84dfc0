#include "tests/lab/traffic/gtpu_packet.h"

#include <algorithm>

namespace henb::lab {
namespace {

constexpr std::uint8_t kFlags = 0x32;  // version 1, GTP, S flag (TS 29.281 5.1)
constexpr std::uint8_t kFlagsMask = 0xf2;
constexpr std::uint8_t kGPdu = 255;
constexpr std::size_t kHeader = 12;  // 8 mandatory bytes, then sequence number, N-PDU number, next extension type
constexpr std::uint32_t kMagic = 0x58324c42;
constexpr std::size_t kNumbering = 12;

void Put(std::vector<std::byte>& out, std::uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out.push_back(static_cast<std::byte>(value >> shift));
}

std::uint32_t Get(std::span<const std::byte> bytes, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  return value;
}

}  // namespace

std::vector<std::byte> GtpuPacket::Encode(std::size_t size) const {
  const std::size_t payload = std::max(size, kNumbering);
  std::vector<std::byte> out;
  out.reserve(kHeader + payload);
  Put(out, kFlags, 1);
  Put(out, kGPdu, 1);
  Put(out, payload + kHeader - 8, 2);  // everything behind the mandatory header
  Put(out, teid, 4);
  Put(out, gtpu_sequence, 2);
  Put(out, 0, 2);
  Put(out, kMagic, 4);
  Put(out, session, 4);
  Put(out, number, 4);
  out.resize(kHeader + payload);
  return out;
}

std::optional<GtpuPacket> GtpuPacket::Decode(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeader + kNumbering) return std::nullopt;
  const bool ours = (Get(bytes, 0, 1) & kFlagsMask) == (kFlags & kFlagsMask) && Get(bytes, 1, 1) == kGPdu &&
                    Get(bytes, 2, 2) == bytes.size() - 8 && Get(bytes, kHeader, 4) == kMagic;
  if (!ours) return std::nullopt;
  return GtpuPacket{.teid = Get(bytes, 4, 4),
                    .gtpu_sequence = static_cast<std::uint16_t>(Get(bytes, 8, 2)),
                    .session = Get(bytes, kHeader + 4, 4),
                    .number = Get(bytes, kHeader + 8, 4)};
}

}  // namespace henb::lab
