// What doctor says of revocation, and where lists come from.
#include "henb-x2sec/app/revocation/revocation_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "henb-x2sec/app/config/service_url.h"
#include "henb-x2sec/app/revocation/authorities.h"

namespace henb::x2sec::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

RevocationView Well() {
  return {.configured = true,
          .issuers = {{.subject = "CN=R",
                       .fresh_until = kNow + absl::Hours(1),
                       .good_until = kNow + absl::Hours(25),
                       .revoked = 3}},
          .problems = {},
          .own_revoked = {},
          .ocspd_uri = "http://127.0.0.1:8888/",
          .pluto = core::OcspSettings{.enabled = true,
                                      .strict = true,
                                      .uri = "http://127.0.0.1:8888/",
                                      .trusted_name = "x2sec-ocspd",
                                      .answers_kept_s = 1}};
}

std::vector<control::DoctorFinding> Bad(const RevocationView& view) {
  std::vector<control::DoctorFinding> out;
  CheckRevocation(view, kNow, &out);
  std::erase_if(out, [](const control::DoctorFinding& finding) { return finding.ok; });
  return out;
}

TEST(RevocationDoctor, SaysNothingWhereAllIsWellOrNothingIsChecked) {
  EXPECT_THAT(Bad(Well()), IsEmpty());
  EXPECT_THAT(Bad({}), IsEmpty());
}

TEST(RevocationDoctor, TellsHowLongTheGraceLastsR41) {
  RevocationView view = Well();
  view.issuers[0].fresh_until = kNow - absl::Hours(1);
  ASSERT_EQ(Bad(view).size(), 1U);
  EXPECT_THAT(Bad(view)[0].detail, HasSubstr("links stay until"));
  view.issuers[0].good_until = kNow - absl::Seconds(1);
  EXPECT_THAT(Bad(view)[0].detail, HasSubstr("are blocked"));
  view.issuers[0].fresh_until.reset();
  EXPECT_THAT(Bad(view)[0].detail, HasSubstr("never was a list of CN=R"));
}

TEST(RevocationDoctor, NamesEverySettingOfPlutosThatIsWrongR41) {
  RevocationView view = Well();
  view.pluto = core::OcspSettings{};
  ASSERT_EQ(Bad(view).size(), 1U);
  for (const char* word : {"ocsp-enable", "ocsp-strict", "ocsp-uri", "ocsp-trustname"}) {
    EXPECT_THAT(Bad(view)[0].detail, HasSubstr(word));
  }
  view = Well();
  view.pluto->answers_kept_s = 86400;
  EXPECT_THAT(Bad(view)[0].detail, HasSubstr("ocsp-cache-max-age"));
  view = Well();
  view.own_revoked = {"CN=henb-a.example"};
  EXPECT_EQ(Bad(view)[0].check, "revocation.own");
  view = Well();
  view.problems = {"http://x/: gone"};
  EXPECT_EQ(Bad(view)[0].check, "revocation.sources");
}

TEST(ListServices, AreReachedInsideTheBackhaulUnlessPolicySaysOtherwiseR55) {
  const std::vector<std::string> urls = {"http://10.100.0.10:8081/a.crl", "http://[fd00::1]/b.crl",
                                         "http://lists.example/c.crl"};
  EXPECT_EQ(ListServices(urls, nullptr).size(), 2U);
  policy::Policy policy;
  EXPECT_EQ(ListServices(urls, &policy).size(), 2U);
  policy.enrolment.emplace();
  policy.enrolment->transport = policy::Transport::kBackhaul;
  ASSERT_EQ(ListServices(urls, &policy).size(), 2U);
  EXPECT_EQ(ListServices(urls, &policy)[0].tcp_port, 8081);
  EXPECT_EQ(ListServices(urls, &policy)[1].tcp_port, 80);
  policy.enrolment->transport = policy::Transport::kDirect;
  EXPECT_THAT(ListServices(urls, &policy), IsEmpty());
}

TEST(ServiceUrl, HostAndPort) {
  EXPECT_EQ(HostOf("http://a.example:80/x"), "a.example");
  EXPECT_EQ(HostOf("http://[fd00::1]:8080/x"), "fd00::1");
  EXPECT_EQ(HostOf("https://a.example"), "a.example");
  EXPECT_EQ(ServiceOf("https://10.0.0.1")->tcp_port, 443);
  EXPECT_FALSE(ServiceOf("http://a.example/"));
  EXPECT_FALSE(ServiceOf("http://10.0.0.1:99999/"));
}

}  // namespace
}  // namespace henb::x2sec::app
