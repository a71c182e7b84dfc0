#include "henb-x2sec/app/enrolment/enrolment_address.h"

#include <gtest/gtest.h>

namespace henb::x2sec::app {
namespace {

std::optional<policy::Enrolment> With(policy::Enrolment enrolment) { return enrolment; }

core::BackhaulOnlyService Service(const char* address, std::uint16_t port) {
  return {common::IpAddress::Parse(address).value(), port};
}

TEST(EnrolmentAddress, R55TheRaIsReachedInsideTheBackhaulOnly) {
  EXPECT_EQ(BackhaulServiceOf(With({.server_url = "http://10.100.0.2:829/pkix/", .recipient = ""})),
            Service("10.100.0.2", 829));
  EXPECT_EQ(BackhaulServiceOf(With({.server_url = "https://[2001:db8::1]/", .recipient = ""})),
            Service("2001:db8::1", 443));
}

TEST(EnrolmentAddress, R55TheNemIsInThePlaceOfTheRa) {
  policy::Enrolment enrolment{.server_url = "http://10.100.0.2:829/pkix/", .recipient = ""};
  enrolment.nem_url = "https://10.100.0.12:8445";
  EXPECT_EQ(BackhaulServiceOf(With(enrolment)), Service("10.100.0.12", 8445));
  enrolment.nem_url = "https://nem.operator.example:8445";
  enrolment.nem_address = common::IpAddress::Parse("10.100.0.13").value();
  EXPECT_EQ(BackhaulServiceOf(With(enrolment)), Service("10.100.0.13", 8445));
}

TEST(EnrolmentAddress, AnotherTransportIsNotTheBackhauls) {
  policy::Enrolment direct{.server_url = "http://10.100.0.2/", .recipient = ""};
  direct.transport = policy::Transport::kDirect;
  EXPECT_EQ(BackhaulServiceOf(With(direct)), std::nullopt);
  EXPECT_EQ(BackhaulServiceOf(std::nullopt), std::nullopt);
}

}  // namespace
}  // namespace henb::x2sec::app
