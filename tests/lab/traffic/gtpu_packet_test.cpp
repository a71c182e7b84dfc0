#include "tests/lab/traffic/gtpu_packet.h"

#include <gtest/gtest.h>

namespace henb::lab {
namespace {

TEST(GtpuPacket, HeaderIsAGPduWithSequenceNumber) {
  const auto bytes = GtpuPacket{.teid = 0x01020304, .gtpu_sequence = 0xabcd, .session = 1, .number = 2}.Encode(20);
  const std::vector<int> expected{0x32, 0xff, 0, 24, 1, 2, 3, 4, 0xab, 0xcd, 0, 0};
  ASSERT_EQ(bytes.size(), 32U);
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(std::to_integer<int>(bytes[i]), expected[i]) << i;
}

TEST(GtpuPacket, DecodesWhatItEncoded) {
  const auto bytes = GtpuPacket{.teid = 9, .gtpu_sequence = 8, .session = 0xfffffff0, .number = 70000}.Encode(100);
  const auto packet = GtpuPacket::Decode(bytes);
  ASSERT_TRUE(packet.has_value());
  EXPECT_EQ(packet->teid, 9U);
  EXPECT_EQ(packet->gtpu_sequence, 8U);
  EXPECT_EQ(packet->session, 0xfffffff0U);
  EXPECT_EQ(packet->number, 70000U);
}

TEST(GtpuPacket, RefusesTruncatedAndForeignPackets) {
  auto bytes = GtpuPacket{}.Encode(20);
  EXPECT_FALSE(GtpuPacket::Decode(std::span(bytes).first(23)).has_value());
  EXPECT_FALSE(GtpuPacket::Decode(std::span(bytes).first(31)).has_value());
  bytes[1] = std::byte{1};
  EXPECT_FALSE(GtpuPacket::Decode(bytes).has_value());
}

}  // namespace
}  // namespace henb::lab
