#include "common/process_runner.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "common/clock.h"
#include "common/unique_fd.h"

namespace henb::common {
namespace {

absl::StatusOr<ProcessResult> RunProgram(std::vector<std::string> argv, std::string input = {},
                                         absl::Duration deadline = absl::Seconds(30)) {
  ProcessRequest request;
  request.argv = std::move(argv);
  request.standard_input = std::move(input);
  request.deadline = deadline;
  return SystemProcessRunner().Run(request);
}

TEST(ProcessRunner, GivesOutputsAndExitStatusApart) {
  const auto result =
      RunProgram({"/usr/bin/python3", "-c", "import sys; print('o'); print('e', file=sys.stderr); sys.exit(7)"});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_status, 7);
  EXPECT_EQ(result->output, "o\n");
  EXPECT_EQ(result->error, "e\n");
  EXPECT_FALSE(result->timed_out);
}

TEST(ProcessRunner, ArgumentsAreNotTouchedByAShell) {
  const auto result = RunProgram({"/usr/bin/printf", "%s|", "$HOME", "a b", "`id`", "*", ""});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output, "$HOME|a b|`id`|*||");
}

TEST(ProcessRunner, InputGoesInWhileOutputComesOut) {
  std::string large(3 << 20, 'x');
  const auto result = RunProgram({"/usr/bin/cat"}, large);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output, large);
}

TEST(ProcessRunner, SurvivesAProgramThatDoesNotReadItsInput) {
  ASSERT_NE(std::signal(SIGPIPE, SIG_DFL), SIG_ERR);
  const auto result = RunProgram({"/usr/bin/true"}, std::string(3 << 20, 'x'));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_status, 0);
}

TEST(ProcessRunner, R48EnvironmentIsNotInherited) {
  ASSERT_EQ(setenv("X2_TEST_SECRET", "leak", 1), 0);
  const auto result = RunProgram({"/usr/bin/env"});
  unsetenv("X2_TEST_SECRET");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLC_ALL=C\n");
}

TEST(ProcessRunner, DescriptorsAreNotInherited) {
  const UniqueFd leaky(dup(0));  // without close-on-exec
  ASSERT_TRUE(leaky.valid());
  const auto result = RunProgram({"/usr/bin/python3", "-c",
                                  "import os; print(sorted(os.listdir('/proc/self/fd'))[:3], "
                                  "os.path.exists('/proc/self/fd/" +
                                      std::to_string(leaky.get()) +
                                      "') "
                                      "and " +
                                      std::to_string(leaky.get()) + " > 3)"});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output, "['0', '1', '2'] False\n");
}

TEST(ProcessRunner, KillsAtTheDeadline) {
  const SystemClock clock;
  const absl::Duration begin = clock.Steady();
  const auto result = RunProgram({"/usr/bin/sleep", "60"}, {}, absl::Milliseconds(200));
  EXPECT_EQ(result.status().code(), absl::StatusCode::kDeadlineExceeded) << result.status();
  EXPECT_LT(clock.Steady() - begin, absl::Seconds(20));
  errno = 0;
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);  // nothing is left behind
  EXPECT_EQ(errno, ECHILD);
}

TEST(ProcessRunner, KillsAProgramThatOnlyClosedItsOutputs) {
  const auto result = RunProgram({"/usr/bin/python3", "-c", "import os,time; os.close(1); os.close(2); time.sleep(60)"},
                                 {}, absl::Seconds(2));
  EXPECT_EQ(result.status().code(), absl::StatusCode::kDeadlineExceeded) << result.status();
}

TEST(ProcessRunner, KeepsWhatWasPrintedUntilTheDeadlineWhereAsked) {
  ProcessRequest request;
  request.argv = {"/usr/bin/python3", "-c", "import time; print('so far', flush=True); time.sleep(60)"};
  request.deadline = absl::Seconds(3);
  request.keep_output_at_deadline = true;
  const auto result = SystemProcessRunner().Run(request);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->timed_out);
  EXPECT_EQ(result->output, "so far\n");
}

TEST(ProcessRunner, StopsAFloodOfOutput) {
  ProcessRequest request;
  request.argv = {"/usr/bin/yes"};
  request.output_limit = 100'000;
  const auto result = SystemProcessRunner().Run(request);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kResourceExhausted) << result.status();
}

TEST(ProcessRunner, MissingProgramsAreNotFound) {
  EXPECT_EQ(RunProgram({"/nonexistent/program"}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(RunProgram({"true"}).status().code(), absl::StatusCode::kNotFound);  // no search in PATH
  EXPECT_EQ(RunProgram({"/etc/passwd"}).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(RunProgram({}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ProcessRunner, DeathBySignalIs128AndItsNumber) {
  const auto result = RunProgram({"/usr/bin/python3", "-c", "import os; os.kill(os.getpid(), 15)"});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_status, 128 + SIGTERM);
}

}  // namespace
}  // namespace henb::common
