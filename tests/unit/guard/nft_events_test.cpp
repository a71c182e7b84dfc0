// Whose transaction it was is counted, not guessed.
#include "henb-x2sec/guard/nft_events.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <cstring>
#include <string>
#include <vector>

namespace henb::x2sec::guard {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes Message(std::uint8_t type, std::uint8_t family, const std::string& table) {
  const std::string name = table + '\0';
  Bytes bytes(NLMSG_ALIGN(sizeof(nlmsghdr) + sizeof(nfgenmsg) + sizeof(nlattr) + name.size()));
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(bytes.size());
  header.nlmsg_type = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type);
  nfgenmsg general{};
  general.nfgen_family = family;
  const nlattr attribute{static_cast<std::uint16_t>(sizeof(nlattr) + name.size()), NFTA_TABLE_NAME};
  std::memcpy(bytes.data(), &header, sizeof(header));
  std::memcpy(bytes.data() + sizeof(header), &general, sizeof(general));
  std::memcpy(bytes.data() + sizeof(header) + sizeof(general), &attribute, sizeof(attribute));
  std::memcpy(bytes.data() + sizeof(header) + sizeof(general) + sizeof(attribute), name.data(), name.size());
  return bytes;
}

/// A socket that never has anything to read: events come by Take.
NftEvents Quiet() { return NftEvents(common::UniqueFd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0))); }

void Transaction(NftEvents* events, const std::string& table = "x2sec", std::uint8_t family = NFPROTO_INET) {
  events->Take(Message(NFT_MSG_DELRULE, family, table));
  events->Take(Message(NFT_MSG_NEWGEN, NFPROTO_UNSPEC, ""));
}

TEST(NftEvents, ForeignTransactionIsTold) {
  NftEvents events = Quiet();
  EXPECT_FALSE(events.Read());
  Transaction(&events);
  EXPECT_TRUE(events.Read());
  EXPECT_FALSE(events.Read()) << "once";
}

TEST(NftEvents, NothingIsToldBeforeTheTransactionIsWhole) {
  NftEvents events = Quiet();
  events.Take(Message(NFT_MSG_DELTABLE, NFPROTO_INET, "x2sec"));
  EXPECT_FALSE(events.Read());
  events.Take(Message(NFT_MSG_NEWGEN, NFPROTO_UNSPEC, ""));
  EXPECT_TRUE(events.Read());
}

TEST(NftEvents, OtherTablesAreNotOurs) {
  NftEvents events = Quiet();
  Transaction(&events, "filter");
  Transaction(&events, "x2sec2");
  Transaction(&events, "x2se");
  Transaction(&events, "x2sec", NFPROTO_IPV4);
  EXPECT_FALSE(events.Read());
}

TEST(NftEvents, R16AForeignTransactionAmongOursIsNeverSwallowed) {
  NftEvents events = Quiet();
  events.ExpectOwn();
  Transaction(&events);
  EXPECT_FALSE(events.Read());
  events.ExpectOwn();
  Transaction(&events);  // theirs, which passes for ours
  EXPECT_FALSE(events.Read());
  Transaction(&events);  // ours
  EXPECT_TRUE(events.Read());
  events.ExpectOwn();
  Transaction(&events);  // theirs, while nft refused ours
  events.OwnFailed();
  EXPECT_TRUE(events.Read());
  events.ExpectOwn();
  events.OwnFailed();
  EXPECT_FALSE(events.Read());
  Transaction(&events);
  EXPECT_TRUE(events.Read());
}

TEST(NftEvents, CutAndLyingMessagesAreSurvived) {
  NftEvents events = Quiet();
  const Bytes whole = Message(NFT_MSG_NEWTABLE, NFPROTO_INET, "x2sec");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    events.Take(cut);
    if (size < sizeof(nlmsghdr)) continue;
    const auto length = static_cast<std::uint32_t>(size);
    std::memcpy(cut.data(), &length, sizeof(length));
    events.Take(cut);
  }
  for (const std::uint16_t length : {0, 1, 3, 0xffff}) {
    Bytes lying = whole;
    std::memcpy(lying.data() + sizeof(nlmsghdr) + sizeof(nfgenmsg), &length, sizeof(length));
    events.Take(lying);
  }
}

}  // namespace
}  // namespace henb::x2sec::guard
