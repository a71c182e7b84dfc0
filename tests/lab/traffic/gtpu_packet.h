#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace henb::lab {

/// A G-PDU of TS 29.281 (version 1, message type 255) with a sequence number, whose T-PDU carries the lab's own
/// numbering.
struct GtpuPacket {
  std::uint32_t teid = 0;
  std::uint16_t gtpu_sequence = 0;  // the header's own, 16 bits, wraps
  std::uint32_t session = 0;        // of this sender, random at its start
  std::uint32_t number = 0;         // counts the sender's packets

  /// Header and T-PDU, `size` bytes of T-PDU (at least 12).
  std::vector<std::byte> Encode(std::size_t size) const;

  /// Nothing where the bytes are no G-PDU of this lab.
  static std::optional<GtpuPacket> Decode(std::span<const std::byte> bytes);
};

}  // namespace henb::lab
