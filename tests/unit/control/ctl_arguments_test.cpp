// The command line itself.
#include <gmock/gmock.h>

#include <sstream>

#include "control_fixture.h"
#include "henb-x2sec/ctl/run.h"

namespace henb::x2sec::control {
namespace {

using testing::HasSubstr;

CtlResult RunAlone(const std::vector<std::string>& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  CtlResult result;
  result.status = ctl::Run(arguments, out, err);
  result.out = out.str();
  result.err = err.str();
  return result;
}

TEST(CtlArguments, UsageErrorsAreStatus2OnStandardError) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {},
           {"bogus"},
           {"links", "--bogus"},
           {"links", "extra"},
           {"explain"},
           {"explain", "UPPER.example"},
           {"explain", "no-dot"},
           {"explain", "*.site.example"},
           {"wait", "henb-b.example"},
           {"wait", "henb-b.example", "--state", "UPWARDS"},
           {"wait", "henb-b.example", "--state", "UP", "--timeout", "30"},
           {"wait", "henb-b.example", "--state", "UP", "--timeout", "-1s"},
           {"wait", "henb-b.example", "--state", "UP", "--timeout", "inf"},
           {"neighbour"},
           {"neighbour", "add"},
           {"neighbour", "add", "--file", "/nonexistent/file"},
           {"neighbour", "remove"},
           {"policy"},
           {"policy", "push"},
           {"policy", "push", "/"},
           {"enrol", "--now", "--status"},
           {"rotate"},
           {"metrics", "--json"},
           {"provision", "file"},
       }) {
    const CtlResult result = RunAlone(arguments);
    EXPECT_EQ(result.status, 2) << testing::PrintToString(arguments) << result.err;
    EXPECT_EQ(result.out, "") << testing::PrintToString(arguments);
    EXPECT_NE(result.err, "") << testing::PrintToString(arguments);
  }
}

TEST(CtlArguments, ErrorsNameWhatIsWrong) {
  EXPECT_THAT(RunAlone({"bogus"}).err, HasSubstr("bogus"));
  EXPECT_THAT(RunAlone({"links", "--bogus"}).err, HasSubstr("--bogus"));
  EXPECT_THAT(RunAlone({"explain", "no-dot"}).err, HasSubstr("no-dot"));
  EXPECT_THAT(RunAlone({"wait", "b.example", "--state", "UPWARDS"}).err, HasSubstr("UPWARDS"));
  EXPECT_THAT(RunAlone({"rotate", "b.example", "--timeout", "soon"}).err, HasSubstr("soon"));
}

TEST(CtlArguments, HelpAndVersionAreResults) {
  const CtlResult help = RunAlone({"--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_EQ(help.err, "");
  for (const char* command : {"links", "explain", "neighbour", "wait", "policy", "provision", "enrol", "credentials",
                              "rotate", "doctor", "metrics"}) {
    EXPECT_THAT(help.out, HasSubstr(command));
    EXPECT_EQ(RunAlone({command, "--help"}).status, 0) << command;
  }
  EXPECT_EQ(RunAlone({"--version"}).status, 0);
  EXPECT_THAT(RunAlone({"--version"}).out, testing::StartsWith("x2secctl "));
}

}  // namespace
}  // namespace henb::x2sec::control
