// x2secctl's changing commands through a real server.
#include <gmock/gmock.h>

#include "control_fixture.h"

namespace henb::x2sec::control {
namespace {

using Json = nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class CtlChanging : public ControlFixture {};

TEST_F(CtlChanging, NeighbourAddHandsTheFileOverAsItIs) {
  StartServer();
  const std::string record = "{\"id\": \"henb-b.example\", \"odd\": \"\xff\"}";
  const CtlResult result = Ctl({"neighbour", "add", "--file", Write("b.json", record)});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("henb-b.example"));
  EXPECT_THAT(backend_.changes(), ElementsAre("add " + record));
}

TEST_F(CtlChanging, BadRecordNamesFileAndPlace) {
  StartServer();
  backend_.FailWith(absl::InvalidArgumentError("x2c_addresses[0]: \"10.0.0.256\" is not an address"));
  const std::string file = Write("bad.json", "{}");
  const CtlResult result = Ctl({"neighbour", "add", "--file", file});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr(file + ": x2c_addresses[0]: \"10.0.0.256\" is not an address"));
  EXPECT_EQ(result.out, "");
}

TEST_F(CtlChanging, NeighbourRemove) {
  backend_.explanations = {{"henb-b.example", "{}"}};
  StartServer();
  EXPECT_EQ(Ctl({"neighbour", "remove", "henb-b.example"}).status, 0);
  EXPECT_EQ(Ctl({"neighbour", "remove", "henb-c.example"}).status, 4);
  EXPECT_THAT(backend_.changes(), ElementsAre("remove henb-b.example"));
}

TEST_F(CtlChanging, NeighbourReplaceSaysWhatChanged) {
  backend_.replaced = {{"henb-b.example"}, {}, {"henb-c.example"}};
  StartServer();
  const std::string file = Write("all.json", "[]");
  EXPECT_EQ(Ctl({"neighbour", "replace", "--file", file, "--json"}).json(),
            Json::parse(R"({"added": ["henb-b.example"], "removed": [], "changed": ["henb-c.example"]})"));
  EXPECT_THAT(Ctl({"neighbour", "replace", "--file", file}).err, HasSubstr("1 added, 0 removed, 1 changed"));
  EXPECT_THAT(backend_.changes(), ElementsAre("replace []", "replace []"));
}

TEST_F(CtlChanging, PolicyPushSharesTheIntakeOfOam) {
  backend_.pushed = {
      7, std::string(64, 'c'), PushOutcome::kApplied, {{"henb-b.example", "BLOCK", "CERT", "", "r1", "same CA"}}};
  StartServer();
  const std::string file = Write("p.cms", std::string("\x30\x00\xff", 3));
  const CtlResult result = Ctl({"policy", "push", file, "--json"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.json(),
            Json::parse(R"({"version": 7, "sha256": ")" + std::string(64, 'c') + R"(", "result": "APPLIED",
    "changes": [{"neighbour": "henb-b.example", "decision_before": "BLOCK", "decision_after": "CERT", "rule_before": null,
                 "rule_after": "r1", "reason_after": "same CA"}]})"));
  EXPECT_THAT(backend_.changes(), ElementsAre("push 3000ff"));
}

TEST_F(CtlChanging, PolicyPushDryRun) {
  backend_.pushed = {7, "", PushOutcome::kWouldApply, {}};
  StartServer();
  const CtlResult result = Ctl({"policy", "push", Write("p.cms", "x"), "--dry-run"});
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.err, HasSubstr("WOULD_APPLY"));
  EXPECT_THAT(backend_.changes(), ElementsAre("try 78"));
}

TEST_F(CtlChanging, RefusedPolicyIsDenied) {
  StartServer();
  backend_.FailWith(absl::PermissionDeniedError("signed by a certificate that may not configure this device"));
  EXPECT_EQ(Ctl({"policy", "push", Write("p.cms", "x")}).status, 5);
}

TEST_F(CtlChanging, RotateReportsBothSas) {
  backend_.rotated = {0x10, 0x20, absl::Milliseconds(1250)};
  StartServer();
  const CtlResult result = Ctl({"rotate", "henb-b.example", "--timeout", "2500ms", "--json"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.json(), Json::parse(R"({"neighbour": "henb-b.example", "spi_out_before": "0x00000010",
                                           "spi_out_after": "0x00000020", "seconds": 1.25})"));
  EXPECT_THAT(backend_.changes(), ElementsAre("rotate henb-b.example within 2500 ms"));
}

TEST_F(CtlChanging, FailedRotateIsAFailure) {
  StartServer();
  backend_.FailWith(absl::AbortedError("authentication refused, the old SA stays"));
  const CtlResult result = Ctl({"rotate", "henb-b.example"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("the old SA stays"));
}

TEST_F(CtlChanging, R37ProvisionSaysWhatWasTaken) {
  backend_.provisioned = {.serial = 7,
                          .operator_name = "operator.example",
                          .sha256 = std::string(64, 'c'),
                          .unchanged = false,
                          .operator_roots = 1,
                          .enrolment_segs = 2,
                          .credential = true};
  StartServer();
  const std::string file = Write("p.cms", "x");
  EXPECT_EQ(Ctl({"provision", file, "--json"}).json(),
            Json::parse(R"({"serial": 7, "operator": "operator.example", "sha256": ")" + std::string(64, 'c') +
                        R"(", "result": "APPLIED", "operator_roots": 1, "enrolment_segs": 2, "credential": true})"));
  EXPECT_THAT(Ctl({"provision", file}).err, HasSubstr("provisioning data 7 of operator.example: APPLIED"));
  EXPECT_THAT(backend_.changes(), ElementsAre("provision x", "provision x"));
}

TEST_F(CtlChanging, R37WhateverIsWrongWithProvisioningDataIsStatusTwo) {
  StartServer();
  backend_.FailWith(absl::InvalidArgumentError("serial: 6 is lower than 7, which was taken before"));
  const std::string file = Write("p.cms", "x");
  const CtlResult result = Ctl({"provision", file});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr(file + ": serial: 6 is lower than 7"));
  EXPECT_EQ(Ctl({"provision", file + ".none"}).status, 2);
}

TEST_F(CtlChanging, EnrolNow) {
  StartServer();
  EXPECT_EQ(Ctl({"enrol", "--now"}).status, 0);
  EXPECT_THAT(backend_.changes(), ElementsAre("enrol"));
}

TEST_F(CtlChanging, TheStatusSocketRefusesEveryChange) {
  backend_.explanations = {{"henb-b.example", "{}"}};
  StartServer();
  const std::string file = Write("f", "{}");
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"neighbour", "add", "--file", file},
                                             {"neighbour", "remove", "henb-b.example"},
                                             {"neighbour", "replace", "--file", file},
                                             {"policy", "push", file},
                                             {"policy", "push", file, "--dry-run"},
                                             {"enrol", "--now"},
                                             {"provision", Write("p.cms", "x")},
                                             {"rotate", "henb-b.example"}}) {
    const CtlResult result = StatusCtl(command);
    EXPECT_EQ(result.status, 5) << testing::PrintToString(command);
    EXPECT_THAT(result.err, HasSubstr("status socket")) << testing::PrintToString(command);
  }
  EXPECT_THAT(backend_.changes(), IsEmpty());
}

}  // namespace
}  // namespace henb::x2sec::control
