// x2secctl's reading commands, field by field, through a real server.
#include <gmock/gmock.h>

#include <thread>

#include "control_fixture.h"

namespace henb::x2sec::control {
namespace {

using Json = nlohmann::ordered_json;
using testing::HasSubstr;

std::vector<std::string> Names(const Json& object) {
  std::vector<std::string> names;
  for (const auto& [name, value] : object.items()) names.push_back(name);
  return names;
}

class CtlReading : public ControlFixture {};

TEST_F(CtlReading, LinksJsonCarriesEveryFieldLosslessly) {
  backend_.links = {FullLink()};
  StartServer();
  const CtlResult result = Ctl({"links", "--json"});
  ASSERT_EQ(result.status, 0) << result.err;
  const Json expected = Json::parse(R"([{
    "neighbour": "henb-b.example", "state": "UP_PSK", "method": "PSK", "rule": "inner-ring",
    "reason": "no common anchor, peer has no CMPv2", "policy_version": 18446744073709551615,
    "local_ike_id": "henb-a.example", "peer_ike_id": "henb-b.example", "epoch": 42, "generation": 3, "reqid": 16379,
    "since": "2027-01-15T08:00:00.25Z",
    "esp": {"spi_in": "0x0000001f", "spi_out": "0xdeadbeef", "bytes_in": 1, "bytes_out": 9007199254740993,
            "suite": "aes_gcm256"},
    "certificate": {"serial": "0a1b", "issuer": "O=Vendor,CN=Root", "not_after": "2030-03-17T17:46:40Z"},
    "quantum_safe": false, "decision": "PSK", "last_error": "key change refused"}])");
  EXPECT_EQ(result.json(), expected) << result.out;
  EXPECT_EQ(result.err, "");
}

TEST_F(CtlReading, LinksJsonWritesNullForWhatDoesNotApply) {
  backend_.links = {BlockedLink()};
  StartServer();
  const Json links = Ctl({"links", "--json"}).json();
  ASSERT_EQ(links.size(), 1U);
  EXPECT_EQ(Names(links[0]),
            (std::vector<std::string>{"neighbour", "state", "method", "rule", "reason", "policy_version",
                                      "local_ike_id", "peer_ike_id", "epoch", "generation", "reqid", "since", "esp",
                                      "certificate", "quantum_safe", "decision", "last_error"}));
  for (const auto& [name, value] : links[0].items()) {
    const bool given = name == "neighbour" || name == "state" || name == "reason" || name == "decision";
    EXPECT_NE(value.is_null(), given) << name;
  }
}

TEST_F(CtlReading, LinksWithoutNeighboursIsAnEmptyArray) {
  StartServer();
  const CtlResult result = Ctl({"links", "--json"});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.json(), Json::array());
}

TEST_F(CtlReading, LinksTableIsForPeople) {
  backend_.links = {FullLink(), BlockedLink()};
  backend_.links[1].reason = "bell \a and escape \x1b[2J";
  StartServer();
  const CtlResult result = Ctl({"links"});
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.out, HasSubstr("NEIGHBOUR"));
  EXPECT_THAT(result.out, HasSubstr("0xdeadbeef"));
  EXPECT_THAT(result.out, HasSubstr("bell \\x07 and escape \\x1b[2J"));
}

TEST_F(CtlReading, ExplainPrintsTheExplanationAsItIs) {
  const std::string text =
      R"({"neighbour":"henb-b.example","policy_version":7,"facts":[{"name":"kind","value":"HENB","source":"OAM"}],)"
      R"("trace":[{"rule":"r1","matched":true,"first_failed_field":null,"methods":[{"method":"PSK","taken":true,"why":"w"}]}],)"
      R"("outcome":"PSK","waiting_for":null,"rule":"r1","reason":"because"})";
  backend_.explanations = {{"henb-b.example", text}};
  StartServer();
  const CtlResult result = Ctl({"explain", "henb-b.example", "--json"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.json(), Json::parse(text));
  EXPECT_EQ(Names(result.json()), Names(Json::parse(text)));
  const CtlResult table = Ctl({"explain", "henb-b.example"});
  EXPECT_EQ(table.status, 0);
  EXPECT_THAT(table.out, HasSubstr("because"));
}

TEST_F(CtlReading, ExplainOfAnUnknownNeighbourIsNoSuchObject) {
  StartServer();
  const CtlResult result = Ctl({"explain", "henb-x.example"});
  EXPECT_EQ(result.status, 4);
  EXPECT_THAT(result.err, HasSubstr("henb-x.example"));
}

TEST_F(CtlReading, NeighbourListKeepsTheRecords) {
  const std::string record = R"({"id":"henb-b.example","kind":"HENB","x2c_addresses":["10.0.0.2"],"source":"OAM"})";
  backend_.neighbours = {record};
  StartServer();
  EXPECT_EQ(Ctl({"neighbour", "list", "--json"}).json(), Json::array({Json::parse(record)}));
  EXPECT_THAT(Ctl({"neighbour", "list"}).out, HasSubstr("10.0.0.2"));
}

TEST_F(CtlReading, PolicyShowCarriesThePolicy) {
  backend_.policy = PolicyView{.version = 9,
                               .operator_name = "Op",
                               .sha256 = std::string(64, 'a'),
                               .signer = "CN=conf",
                               .not_before = absl::FromUnixSeconds(0),
                               .not_after = absl::FromUnixSeconds(86'400),
                               .applied_at = absl::FromUnixSeconds(60),
                               .in_force = true,
                               .json = R"({"schema":1})"};
  StartServer();
  const Json expected = Json::parse(R"({"version": 9, "operator": "Op", "sha256": ")" + std::string(64, 'a') + R"(",
    "signer": "CN=conf", "not_before": "1970-01-01T00:00:00Z", "not_after": "1970-01-02T00:00:00Z",
    "applied_at": "1970-01-01T00:01:00Z", "in_force": true, "policy": {"schema": 1}})");
  EXPECT_EQ(Ctl({"policy", "show", "--json"}).json(), expected);
  EXPECT_EQ(StatusCtl({"policy", "show"}).status, 0);
}

TEST_F(CtlReading, PolicyShowWithoutOneIsNoSuchObject) {
  StartServer();
  EXPECT_EQ(Ctl({"policy", "show"}).status, 4);
}

TEST_F(CtlReading, PolicyHistoryWritesNullForWhatCouldNotBeRead) {
  backend_.history = {{absl::FromUnixSeconds(1), std::nullopt, std::nullopt, "REFUSED", "line 1: not JSON"},
                      {absl::FromUnixSeconds(0), 3, "ab", "APPLIED", ""}};
  StartServer();
  EXPECT_EQ(Ctl({"policy", "history", "--json"}).json(), Json::parse(R"([
    {"at": "1970-01-01T00:00:01Z", "version": null, "sha256": null, "result": "REFUSED", "detail": "line 1: not JSON"},
    {"at": "1970-01-01T00:00:00Z", "version": 3, "sha256": "ab", "result": "APPLIED", "detail": null}])"));
}

TEST_F(CtlReading, CredentialsSayWhereTheKeyLives) {
  backend_.credentials = {{"VENDOR", "CN=a", "CN=r", "01", "ff", absl::FromUnixSeconds(0), absl::FromUnixSeconds(1),
                           "FILES_AND_NSS", std::nullopt, "FILE"}};
  StartServer();
  EXPECT_EQ(Ctl({"credentials", "--json"}).json(),
            Json::parse(R"([{"kind": "VENDOR", "subject": "CN=a", "issuer": "CN=r",
    "serial": "01", "spki_sha256": "ff", "not_before": "1970-01-01T00:00:00Z", "not_after": "1970-01-01T00:00:01Z",
    "key_store": "FILES_AND_NSS", "ckaid": null, "origin": "FILE"}])"));
}

TEST_F(CtlReading, EnrolStatusIsTheDefault) {
  backend_.enrolment.state = "RUNNING";
  backend_.enrolment.server = "http://10.0.0.9/cmp";
  backend_.enrolment.renewal_due = absl::FromUnixSeconds(2);
  backend_.enrolment.steps = {{absl::FromUnixSeconds(0), "cmp-ir-sent", true, ""}};
  StartServer();
  const Json expected = Json::parse(R"({"state": "RUNNING", "server": "http://10.0.0.9/cmp", "transport": null,
    "next_attempt": null, "certificate": null, "renewal_due": "1970-01-01T00:00:02Z",
    "steps": [{"at": "1970-01-01T00:00:00Z", "step": "cmp-ir-sent", "ok": true, "detail": ""}]})");
  EXPECT_EQ(Ctl({"enrol", "--json"}).json(), expected);
  EXPECT_EQ(StatusCtl({"enrol", "--status", "--json"}).json(), expected);
}

TEST_F(CtlReading, DoctorFailsWhenACheckFails) {
  backend_.findings = {{"pluto.version", true, "4.9", ""},
                       {"backhaul.reqid", false, "is 0", "set reqid= in ipsec.conf"}};
  StartServer();
  const CtlResult result = Ctl({"doctor", "--json"});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.json(), Json::parse(R"([
    {"check": "pluto.version", "ok": true, "detail": "4.9", "remedy": null},
    {"check": "backhaul.reqid", "ok": false, "detail": "is 0", "remedy": "set reqid= in ipsec.conf"}])"));
  EXPECT_THAT(result.err, HasSubstr("1 of 2 checks failed"));
  backend_.findings.pop_back();
  EXPECT_EQ(Ctl({"doctor"}).status, 0);
}

TEST_F(CtlReading, MetricsAreTheDaemonsText) {
  backend_.metrics = "# TYPE x2sec_links gauge\nx2sec_links 5\n";
  StartServer();
  EXPECT_EQ(Ctl({"metrics"}).out, backend_.metrics);
}

TEST_F(CtlReading, TheStatusSocketReads) {
  backend_.links = {FullLink()};
  StartServer();
  EXPECT_EQ(StatusCtl({"links", "--json"}).out, Ctl({"links", "--json"}).out);
}

TEST_F(CtlReading, AFailureOfTheDaemonIsToldAsItIs) {
  StartServer();
  backend_.FailWith(absl::DeadlineExceededError("the loop is busy"));
  const CtlResult result = Ctl({"links"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("the loop is busy"));
}

}  // namespace
}  // namespace henb::x2sec::control
