// What nft prints is read back without loss.
#include "henb-x2sec/guard/guard_listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace henb::x2sec::guard {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// As nft 1.0.6 printed it, shortened.
constexpr std::string_view kListing = R"(table inet x2sec {
	counter dropped_out {
		packets 7 bytes 300
	}

	set admitted4 {
		typeof ip saddr . ipsec in reqid
		elements = { 10.9.0.2 . 101,
			     10.9.0.3 . 102 }
	}

	set trusted4 {
		type ipv4_addr . ifname
		elements = { 10.9.0.9 . "eth0.100" }
	}

	set core6 {
		type ipv6_addr
		flags interval
	}

	chain leaving {
		ip daddr . ipsec out reqid @admitted4 accept
		counter name "dropped_out" drop
	}
}
)";

TEST(GuardListing, TakesElementsAndCountersOut) {
  const auto listing = ParseListing(kListing);
  ASSERT_TRUE(listing.ok()) << listing.status();
  EXPECT_THAT(listing->table.elements.at("admitted4"), UnorderedElementsAre("10.9.0.2 . 101", "10.9.0.3 . 102"));
  EXPECT_THAT(listing->table.elements.at("trusted4"), UnorderedElementsAre("10.9.0.9 . \"eth0.100\""));
  EXPECT_THAT(listing->table.elements.at("core6"), IsEmpty());
  EXPECT_EQ(listing->counters.at("dropped_out"), (CounterValue{7, 300}));
  EXPECT_THAT(listing->table.structure, HasSubstr("\tcounter dropped_out {\n\t\tpackets 0 bytes 0\n\t}\n"));
  EXPECT_THAT(listing->table.structure, HasSubstr("\t\ttypeof ip saddr . ipsec in reqid\n\t}\n"));
  EXPECT_THAT(listing->table.structure, HasSubstr("counter name \"dropped_out\" drop\n\t}\n}\n"));
}

TEST(GuardListing, ReadsItsOwnRendering) {
  core::GuardSpec spec;
  spec.ports = core::X2Ports();
  const auto rendered = Render(spec);
  ASSERT_TRUE(rendered.ok());
  const auto listing = ParseListing(rendered->structure);
  ASSERT_TRUE(listing.ok());
  EXPECT_EQ(listing->table, *rendered);
}

TEST(GuardListing, AnyOtherLineShows) {
  const std::string clean = ParseListing(kListing)->table.structure;
  for (const std::string_view line : {"\tflags dormant\n", "\tchain x {\n\t}\n", "\t\taccept\n", "\t\ttimeout 1s\n"}) {
    std::string text(kListing);
    text.insert(text.find("\tset trusted4"), line);
    EXPECT_NE(ParseListing(text)->table.structure, clean) << line;
  }
}

TEST(GuardListing, RefusesHalfAListing) {
  EXPECT_FALSE(ParseListing("").ok());
  EXPECT_FALSE(ParseListing("Error: something else\n").ok());
  EXPECT_FALSE(ParseListing(kListing.substr(0, kListing.find("10.9.0.3"))).ok());
  EXPECT_FALSE(ParseListing(kListing.substr(0, kListing.size() - 2)).ok());
}

TEST(GuardListing, SurvivesEveryCut) {
  for (std::size_t size = 0; size < kListing.size(); ++size) (void)ParseListing(kListing.substr(0, size));
}

}  // namespace
}  // namespace henb::x2sec::guard
