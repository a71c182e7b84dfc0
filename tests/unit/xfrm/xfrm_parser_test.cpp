// Messages are read as the kernel writes them, and no length in them is believed.
#include "henb-x2sec/xfrm/xfrm_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <linux/udp.h>
#include <linux/xfrm.h>
#include <netinet/in.h>

#include <cstring>
#include <limits>
#include <vector>

#include "henb-x2sec/xfrm/own_policies.h"
#include "henb-x2sec/xfrm/xfrm_writer.h"

namespace henb::x2sec::xfrm {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using Kind = core::SaEvent::Kind;

common::IpAddress Ip(std::string_view text) { return *common::IpAddress::Parse(text); }

std::vector<MessageView> Views(const Message& buffer) {
  std::vector<MessageView> views;
  ForEachMessage(buffer, [&](const MessageView& view) { views.push_back(view); });
  return views;
}

/// A message of the kernel's: fixed part and attributes.
class Made {
 public:
  template <typename T>
  Made(std::uint16_t type, const T& fixed, std::uint32_t sender = 0) : bytes_(sizeof(nlmsghdr)) {
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_pid = sender;
    std::memcpy(bytes_.data(), &header, sizeof(header));
    Append(&fixed, sizeof(fixed));
  }
  Made& Attribute(std::uint16_t type, const void* data, std::size_t size) {
    const nlattr attribute{static_cast<std::uint16_t>(sizeof(nlattr) + size), type};
    Append(&attribute, sizeof(attribute));
    Append(data, size);
    return *this;
  }
  const Message& bytes() {
    const auto size = static_cast<std::uint32_t>(bytes_.size());
    std::memcpy(bytes_.data(), &size, sizeof(size));
    return bytes_;
  }
  MessageView view() { return Views(bytes()).front(); }

 private:
  void Append(const void* data, std::size_t size) {
    const auto* begin = static_cast<const std::uint8_t*>(data);
    bytes_.insert(bytes_.end(), begin, begin + size);
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
  }
  Message bytes_;
};

xfrm_usersa_info AnSa() {
  xfrm_usersa_info info{};
  info.family = AF_INET;
  info.id.proto = IPPROTO_ESP;
  info.id.spi = htonl(0x8c54a3fa);
  info.id.daddr.a4 = htonl(0x0a090002);
  info.saddr.a4 = htonl(0x0a090001);
  info.reqid = 101;
  info.mode = XFRM_MODE_TUNNEL;
  info.curlft.bytes = 5;
  return info;
}

std::vector<std::uint8_t> Algorithm(std::string_view name, unsigned int bits, std::size_t key) {
  std::vector<std::uint8_t> value(sizeof(xfrm_algo_aead) + key, 0xee);
  std::memset(value.data(), 0, 64);
  std::memcpy(value.data(), name.data(), name.size());
  std::memcpy(value.data() + 64, &bits, sizeof(bits));
  return value;
}

TEST(XfrmParser, ReadsThePoliciesThatTheWriterWrites) {
  core::Pin pin;
  pin.local = pin.local_end = Ip("fd00::1");
  pin.peer = pin.peer_end = Ip("fd00::2");
  pin.reqid = 16379;
  pin.spi_out = 0xfffffffe;
  std::vector<KernelPolicy> policies = BeltPolicies(core::X2Ports());
  for (const KernelPolicy& policy : PoliciesOf(pin, core::X2Ports())) policies.push_back(policy);
  for (const KernelPolicy& policy : policies) {
    const Message message = UpdatePolicyMessage(policy, 7);
    const auto views = Views(message);
    ASSERT_THAT(views, SizeIs(1));
    EXPECT_EQ(views[0].sequence, 7U);
    const auto read = ParsePolicy(views[0]);
    ASSERT_TRUE(read.has_value());
    EXPECT_TRUE(read->Same(policy)) << Describe(policy.selector);
  }
}

TEST(XfrmParser, R64ReadsAnSaInUdp) {
  const auto aead = Algorithm("rfc4106(gcm(aes))", 288, 36);
  xfrm_encap_tmpl encap{};
  encap.encap_type = UDP_ENCAP_ESPINUDP;
  encap.encap_sport = htons(4500);
  encap.encap_dport = htons(20417);
  Made made(XFRM_MSG_NEWSA, AnSa());
  made.Attribute(XFRMA_ENCAP, &encap, sizeof(encap)).Attribute(XFRMA_ALG_AEAD, aead.data(), aead.size());
  const auto sa = ParseSa(made.view());
  ASSERT_TRUE(sa.has_value());
  EXPECT_EQ(sa->spi, 0x8c54a3faU);
  EXPECT_EQ(sa->source, Ip("10.9.0.1"));
  EXPECT_EQ(sa->destination, Ip("10.9.0.2"));
  EXPECT_EQ(sa->reqid, 101);
  EXPECT_EQ(sa->suite, "rfc4106(gcm(aes))/288");
  EXPECT_TRUE(sa->in_udp);
}

TEST(XfrmParser, ReadsAnSaWithoutItsKey) {
  const auto aead = Algorithm("rfc4106(gcm(aes))", 288, 36);
  std::vector<std::uint32_t> esn(6);
  esn[5] = 2048;
  Made made(XFRM_MSG_NEWSA, AnSa());
  made.Attribute(XFRMA_ALG_AEAD, aead.data(), aead.size()).Attribute(XFRMA_REPLAY_ESN_VAL, esn.data(), esn.size() * 4);
  const auto sa = ParseSa(made.view());
  ASSERT_TRUE(sa.has_value());
  EXPECT_EQ(sa->spi, 0x8c54a3faU);
  EXPECT_EQ(sa->source, Ip("10.9.0.1"));
  EXPECT_EQ(sa->destination, Ip("10.9.0.2"));
  EXPECT_EQ(sa->reqid, 101);
  EXPECT_TRUE(sa->tunnel);
  EXPECT_EQ(sa->suite, "rfc4106(gcm(aes))/288");
  EXPECT_EQ(sa->replay_window, 2048U) << "R21";
  EXPECT_EQ(sa->bytes, 5U);
}

TEST(XfrmParser, LarvalStatesAndOtherProtocolsAreNoSas) {
  EXPECT_FALSE(ParseSa(Made(XFRM_MSG_NEWSA, AnSa()).view()).has_value()) << "no algorithm yet";
  const auto aead = Algorithm("rfc4106(gcm(aes))", 288, 36);
  const auto parse = [&](const xfrm_usersa_info& info) {
    return ParseSa(Made(XFRM_MSG_NEWSA, info).Attribute(XFRMA_ALG_AEAD, aead.data(), aead.size()).view());
  };
  ASSERT_TRUE(parse(AnSa()).has_value());
  auto info = AnSa();
  info.id.spi = 0;
  EXPECT_FALSE(parse(info).has_value()) << "acquire";
  info = AnSa();
  info.id.proto = IPPROTO_AH;
  EXPECT_FALSE(parse(info).has_value()) << "R12: AH protects nothing here";
  info = AnSa();
  info.family = AF_PACKET;
  EXPECT_FALSE(parse(info).has_value());
}

TEST(XfrmParser, CutMessagesAreRefusedAtEveryLength) {
  const auto aead = Algorithm("rfc4106(gcm(aes))", 288, 36);
  Made made(XFRM_MSG_NEWSA, AnSa());
  const Message whole = made.Attribute(XFRMA_ALG_AEAD, aead.data(), aead.size()).bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    Message cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THAT(Views(cut), IsEmpty()) << "its own length is longer than what came";
    if (size < sizeof(nlmsghdr)) continue;
    const auto length = static_cast<std::uint32_t>(size);
    std::memcpy(cut.data(), &length, sizeof(length));  // … and a shorter one that fits
    for (const MessageView& view : Views(cut)) EXPECT_FALSE(ParseSa(view).has_value()) << size;
  }
}

TEST(XfrmParser, AnErrorIsANumberThatTheKernelHas) {
  const auto said = [](int error) {
    nlmsgerr fixed{};
    fixed.error = error;
    Made message(NLMSG_ERROR, fixed);  // The view is of its octets.
    return ParseError(message.view());
  };
  EXPECT_EQ(said(0), 0);
  EXPECT_EQ(said(-ENOENT), ENOENT);
  for (const int odd : {1, -4096, std::numeric_limits<int>::min()}) EXPECT_EQ(said(odd), EBADMSG) << odd;
}

TEST(XfrmParser, LyingAttributeLengthsEndTheMessage) {
  const auto aead = Algorithm("rfc4106(gcm(aes))", 288, 36);
  Made made(XFRM_MSG_NEWSA, AnSa());
  Message bytes = made.Attribute(XFRMA_ALG_AEAD, aead.data(), aead.size()).bytes();
  const std::size_t at = sizeof(nlmsghdr) + NLMSG_ALIGN(sizeof(xfrm_usersa_info));
  for (const std::uint16_t length : {0, 1, 3, 5, 0xffff}) {
    std::memcpy(bytes.data() + at, &length, sizeof(length));
    EXPECT_FALSE(ParseSa(Views(bytes).front()).has_value()) << length;
  }
}

TEST(XfrmParser, TellsSaEventsByTheirReqid) {
  const auto added = ParseEvent(Made(XFRM_MSG_NEWSA, AnSa()).view(), 1);
  ASSERT_TRUE(added.has_value());
  EXPECT_EQ(added->kind, Kind::kAdded);
  EXPECT_EQ(added->reqid, 101);
  EXPECT_EQ(added->spi, 0x8c54a3faU);

  const xfrm_usersa_info info = AnSa();
  const xfrm_usersa_id id{info.id.daddr, info.id.spi, info.family, info.id.proto};
  const auto deleted = ParseEvent(Made(XFRM_MSG_DELSA, id).Attribute(XFRMA_SA, &info, sizeof(info)).view(), 1);
  ASSERT_TRUE(deleted.has_value());
  EXPECT_EQ(deleted->kind, Kind::kDeleted);
  EXPECT_EQ(deleted->reqid, 101);
  EXPECT_EQ(ParseEvent(Made(XFRM_MSG_DELSA, id).view(), 1)->kind, Kind::kLost) << "which one? look";

  xfrm_user_expire expire{};
  expire.state = info;
  EXPECT_FALSE(ParseEvent(Made(XFRM_MSG_EXPIRE, expire).view(), 1).has_value()) << "soft";
  expire.hard = 1;
  EXPECT_EQ(ParseEvent(Made(XFRM_MSG_EXPIRE, expire).view(), 1)->kind, Kind::kExpired);
  EXPECT_EQ(ParseEvent(Made(XFRM_MSG_FLUSHSA, xfrm_usersa_flush{}).view(), 1)->kind, Kind::kLost);
}

TEST(XfrmParser, TellsOfChangesOfOurPoliciesByOthersOnly) {
  constexpr std::uint32_t kOwnPort = 4711;
  xfrm_userpolicy_info policy{};
  policy.priority = kPinPriority;
  const auto event = [&](std::uint32_t sender) {
    return ParseEvent(Made(XFRM_MSG_UPDPOLICY, policy, sender).view(), kOwnPort);
  };
  EXPECT_FALSE(event(kOwnPort).has_value());
  ASSERT_TRUE(event(99).has_value());
  EXPECT_EQ(event(99)->kind, Kind::kPolicyChanged);
  policy.priority = 1753281;
  EXPECT_FALSE(event(99).has_value()) << "pluto's own";
  policy.priority = kBeltPriority;
  const xfrm_userpolicy_id id{};
  EXPECT_TRUE(
      ParseEvent(Made(XFRM_MSG_DELPOLICY, id, 99).Attribute(XFRMA_POLICY, &policy, sizeof(policy)).view(), kOwnPort));
  EXPECT_TRUE(ParseEvent(Made(XFRM_MSG_DELPOLICY, id, 99).view(), kOwnPort)) << "unknown is taken for ours";
  EXPECT_EQ(ParseEvent(Made(XFRM_MSG_FLUSHPOLICY, std::uint32_t{0}, kOwnPort).view(), kOwnPort)->kind,
            Kind::kPolicyChanged);
}

TEST(XfrmParser, WhatIsNarrowedIsNotPlain) {
  core::ClearPair pair{Ip("10.9.0.1"), Ip("10.9.0.2")};
  const KernelPolicy policy = PoliciesOf(pair, core::X2Ports()).front();
  const auto with = [&](const auto& change) {
    Message message = UpdatePolicyMessage(policy, 1);
    xfrm_userpolicy_info info{};
    std::memcpy(&info, message.data() + sizeof(nlmsghdr), sizeof(info));
    change(info);
    return ParsePolicy(Made(XFRM_MSG_NEWPOLICY, info).view())->plain;
  };
  EXPECT_TRUE(with([](xfrm_userpolicy_info&) {}));
  EXPECT_FALSE(with([](xfrm_userpolicy_info& i) { i.sel.ifindex = 3; }));
  EXPECT_FALSE(with([](xfrm_userpolicy_info& i) { i.sel.user = 1; }));
  EXPECT_FALSE(with([](xfrm_userpolicy_info& i) { i.sel.dport_mask = i.sel.sport_mask = htons(0xff00); }));
  EXPECT_FALSE(with([](xfrm_userpolicy_info& i) { i.lft.hard_add_expires_seconds = 60; }));
  const xfrm_mark mark{1, 1};
  xfrm_userpolicy_info info{};
  info.sel.family = AF_INET;
  EXPECT_FALSE(ParsePolicy(Made(XFRM_MSG_NEWPOLICY, info).Attribute(XFRMA_MARK, &mark, sizeof(mark)).view())->plain);
}

}  // namespace
}  // namespace henb::x2sec::xfrm
