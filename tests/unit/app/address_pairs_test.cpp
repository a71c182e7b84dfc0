#include "henb-x2sec/app/links/address_pairs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace henb::x2sec::app {
namespace {

using common::IpAddress;
using testing::ElementsAre;
using testing::IsEmpty;

IpAddress Ip(std::string_view text) { return *IpAddress::Parse(text); }

core::AddressPair Pair(const char* local, const char* peer, const char* local_ike, const char* peer_ike) {
  return {Ip(local), Ip(peer), Ip(local_ike), Ip(peer_ike)};
}
core::AddressPair Pair(const char* local, const char* peer) { return Pair(local, peer, local, peer); }

/// A host with 10.9.0.1, 10.9.1.1 and fd09::1, on the networks 10.9.0.0/16, 192.168.7.0/24 and fd09::/64.
absl::StatusOr<LocalRoute> Route(const IpAddress& peer, const std::string& /*interface*/) {
  for (const char* own : {"10.9.0.1", "10.9.1.1", "fd09::1"}) {
    if (peer == Ip(own)) return LocalRoute{peer, "lo"};
  }
  if (common::Cidr::Parse("10.9.0.0/16")->Contains(peer) || common::Cidr::Parse("192.168.7.0/24")->Contains(peer)) {
    return LocalRoute{Ip("10.9.0.1"), "lan0"};
  }
  if (common::Cidr::Parse("fd09::/64")->Contains(peer)) return LocalRoute{Ip("fd09::1"), "lan0"};
  return absl::NotFoundError("no route");
}

policy::NeighbourRecord Record(const std::vector<std::string>& x2c, const std::vector<std::string>& x2u = {}) {
  policy::NeighbourRecord record;
  for (const std::string& text : x2c) record.x2c_addresses.push_back(Ip(text));
  for (const std::string& text : x2u) record.x2u_addresses.push_back(Ip(text));
  return record;
}

TEST(AddressPairs, R17WithoutAddressesOfOurOwnTheRoutesDecide) {
  EXPECT_THAT(AddressPairs(Record({"10.9.0.2"}, {"10.9.0.2", "10.9.1.2"}), {}, Route),
              ElementsAre(Pair("10.9.0.1", "10.9.0.2"), Pair("10.9.0.1", "10.9.1.2")));
}

TEST(AddressPairs, R17EachOfOursMeetsEachOfTheNeighbours) {
  EXPECT_THAT(AddressPairs(Record({"10.9.0.2"}, {"10.9.1.2"}), {Ip("10.9.0.1"), Ip("10.9.1.1")}, Route),
              ElementsAre(Pair("10.9.0.1", "10.9.0.2"), Pair("10.9.1.1", "10.9.0.2"), Pair("10.9.0.1", "10.9.1.2"),
                          Pair("10.9.1.1", "10.9.1.2")));
}

TEST(AddressPairs, R17AnAddressThatTheHostDoesNotHaveIsLeftOut) {
  EXPECT_THAT(AddressPairs(Record({"10.9.0.2"}), {Ip("10.9.0.1"), Ip("10.9.2.1")}, Route),
              ElementsAre(Pair("10.9.0.1", "10.9.0.2")));
}

TEST(AddressPairs, FamiliesMeetTheirOwn) {
  EXPECT_THAT(AddressPairs(Record({"10.9.0.2", "fd09::2"}), {Ip("10.9.1.1"), Ip("fd09::1")}, Route),
              ElementsAre(Pair("10.9.1.1", "10.9.0.2"), Pair("fd09::1", "fd09::2")));
}

TEST(AddressPairs, R64IkeHasAddressesOfItsOwn) {
  policy::NeighbourRecord behind_nat = Record({"192.168.7.2"});
  behind_nat.ike_address = Ip("10.9.0.50");
  EXPECT_THAT(AddressPairs(behind_nat, {}, Route),
              ElementsAre(Pair("10.9.0.1", "192.168.7.2", "10.9.0.1", "10.9.0.50")));
  EXPECT_THAT(AddressPairs(behind_nat, {Ip("10.9.1.1")}, Route),
              ElementsAre(Pair("10.9.1.1", "192.168.7.2", "10.9.0.1", "10.9.0.50")));
}

TEST(AddressPairs, AnIkeAddressOfAnotherFamilyIsNotItsEnd) {
  policy::NeighbourRecord record = Record({"fd09::2"});
  record.ike_address = Ip("10.9.0.2");
  EXPECT_THAT(AddressPairs(record, {}, Route), ElementsAre(Pair("fd09::1", "fd09::2")));
}

TEST(AddressPairs, ARecordWithAnIkeAddressOnlyMeansThat) {
  policy::NeighbourRecord record;
  record.ike_address = Ip("10.9.0.2");
  EXPECT_THAT(AddressPairs(record, {}, Route), ElementsAre(Pair("10.9.0.1", "10.9.0.2")));
}

TEST(AddressPairs, NoRouteNoPair) {
  EXPECT_THAT(AddressPairs(Record({"172.16.0.1"}), {}, Route), IsEmpty());
  policy::NeighbourRecord record = Record({"10.9.0.2"});
  record.ike_address = Ip("172.16.0.1");
  EXPECT_THAT(AddressPairs(record, {}, Route), IsEmpty());
}

}  // namespace
}  // namespace henb::x2sec::app
