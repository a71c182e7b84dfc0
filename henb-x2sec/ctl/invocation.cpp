#include "henb-x2sec/ctl/invocation.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "common/exit_status.h"
#include "common/henb_id.h"
#include "common/strings.h"

namespace henb::x2sec::ctl {

namespace {

constexpr absl::Duration kLongestTimeout = absl::Hours(1);

/// CLI11 wants the error as text, empty when there is none.
std::string CheckIdentity(const std::string& text) {
  const absl::StatusOr<common::HenbId> id = common::HenbId::Parse(text);
  return id.ok() ? std::string() : std::string(id.status().message());
}

std::string CheckTimeout(const std::string& text) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration)) {
    return common::StrCat(common::Quoted(text), " is not a duration such as 30s");
  }
  if (duration <= absl::ZeroDuration() || duration > kLongestTimeout) {
    return common::StrCat(common::Quoted(text), " is not above 0 and up to 1h");
  }
  return {};
}

/// Describes the command line and remembers which command was given.
class CommandLine {
 public:
  CommandLine() : app_("Command line of x2secd, which secures the X2 links of a HeNB.", "x2secctl") {
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.set_version_flag("--version", "x2secctl " X2SEC_VERSION);
    app_.add_option(
        "--socket", socket_,
        "Socket of x2secd (default: /run/henb-x2sec/control.sock; reading commands fall back to status.sock)");
    app_.footer(
        "Exit status: 0 done, 1 failed, 2 usage or invalid input, 3 x2secd not reachable, 4 no such object, 5 denied.");
    DescribeLinks();
    DescribeNeighbours();
    DescribePolicy();
    DescribeDevice();
  }

  std::variant<Invocation, int> Parse(std::vector<std::string> arguments, std::ostream& out, std::ostream& err) {
    std::reverse(arguments.begin(), arguments.end());
    try {
      app_.parse(std::move(arguments));
    } catch (const CLI::ParseError& error) {
      const std::vector<std::string> unknown = app_.remaining(true);
      if (!unknown.empty() && dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr) {
        err << "x2secctl: unknown: " << common::Quoted(unknown.front()) << '\n';
      }
      const int status = app_.exit(error, out, err);
      return status == 0 ? common::kExitDone : common::kExitInvalid;
    }
    if (now_) invocation_.command = Command::kEnrolNow;
    if (!socket_.empty()) invocation_.socket = socket_;
    if (!timeout_.empty()) static_cast<void>(absl::ParseDuration(timeout_, &invocation_.timeout));
    return invocation_;
  }

 private:
  CLI::App* Add(CLI::App* parent, Command command, const char* name, const char* about) {
    CLI::App* sub = parent->add_subcommand(name, about);
    sub->callback([this, command] { invocation_.command = command; });
    return sub;
  }
  void Json(CLI::App* sub) { sub->add_flag("--json", invocation_.json, "Print JSON"); }
  void Neighbour(CLI::App* sub) {
    sub->add_option("NEIGHBOUR", invocation_.neighbour, "Identity of the neighbour, such as henb-b.example")
        ->required()
        ->check(CheckIdentity);
  }
  void Timeout(CLI::App* sub, const char* value) {
    timeout_ = value;
    sub->add_option("--timeout", timeout_, "How long, such as 30s")->check(CheckTimeout)->default_str(value);
  }

  void DescribeLinks() {
    CLI::App* links = Add(&app_, Command::kLinks, "links", "Every link: its state, and why");
    Json(links);
    links->add_flag("--watch", invocation_.watch, "Print again whenever something changes, until interrupted");
    CLI::App* explain = Add(&app_, Command::kExplain, "explain", "Why a link is secured the way it is");
    Neighbour(explain);
    Json(explain);
    CLI::App* wait = Add(&app_, Command::kWait, "wait", "Wait until a link is in a state");
    Neighbour(wait);
    wait->add_option("--state", invocation_.state, "The state; UP is any UP_...")
        ->required()
        ->check(CLI::IsMember({"UP", "UP_CERT", "UP_PSK", "UP_TRUSTED", "BLOCKED", "ENROLLING", "KEYING", "FAILED"}));
    Timeout(wait, "30s");
    CLI::App* rotate = Add(&app_, Command::kRotate, "rotate", "Change the keys of a link, without losing a packet");
    Neighbour(rotate);
    Json(rotate);
    Timeout(rotate, "30s");
  }

  void DescribeNeighbours() {
    CLI::App* group = app_.add_subcommand("neighbour", "The neighbours that OAM told this HeNB of");
    group->require_subcommand(1);
    group->fallthrough();
    const char* record = "JSON file with the neighbour record (docs/x2secctl.md)";
    CLI::App* add = Add(group, Command::kNeighbourAdd, "add", "Add a neighbour, or replace its record");
    add->add_option("--file", invocation_.file, record)->required();
    Neighbour(Add(group, Command::kNeighbourRemove, "remove", "Forget a neighbour; its link is shut"));
    Json(Add(group, Command::kNeighbourList, "list", "All neighbours and where they are known from"));
    CLI::App* replace = Add(group, Command::kNeighbourReplace, "replace", "Make these the neighbours, and no others");
    replace->add_option("--file", invocation_.file, "JSON file with an array of neighbour records")->required();
    Json(replace);
  }

  void DescribePolicy() {
    CLI::App* group = app_.add_subcommand("policy", "The operator's signed policy");
    group->require_subcommand(1);
    group->fallthrough();
    CLI::App* push = Add(group, Command::kPolicyPush, "push", "Put a signed policy into force");
    push->add_option("FILE", invocation_.file, "Signed policy (CMS, as x2policy sign writes it)")->required();
    push->add_flag("--dry-run", invocation_.dry_run, "Check it and say what would change");
    Json(push);
    Json(Add(group, Command::kPolicyShow, "show", "The policy in force"));
    Json(Add(group, Command::kPolicyHistory, "history", "What was pushed, and what came of it"));
  }

  void DescribeDevice() {
    CLI::App* provision = Add(&app_, Command::kProvision, "provision", "Take the operator's provisioning data");
    provision->add_option("FILE", invocation_.file, "Provisioning data (CMS, as x2policy provision make writes it)")
        ->required();
    Json(provision);
    CLI::App* enrol = Add(&app_, Command::kEnrolStatus, "enrol", "Enrolment with the operator's CA");
    CLI::Option* now = enrol->add_flag("--now", now_, "Start one now");
    enrol->add_flag("--status", status_, "How it stands (the default)")->excludes(now);
    Json(enrol);
    Json(Add(&app_, Command::kCredentials, "credentials", "This HeNB's own certificates and where their keys live"));
    Json(Add(&app_, Command::kDoctor, "doctor", "Check the host and say what to mend"));
    Add(&app_, Command::kMetrics, "metrics", "Metrics as Prometheus text");
  }

  CLI::App app_;
  Invocation invocation_;
  std::string socket_;
  std::string timeout_;
  bool now_ = false;
  bool status_ = false;  ///< What happens anyway; the flag is for saying so.
};

}  // namespace

std::variant<Invocation, int> ParseArguments(std::vector<std::string> arguments, std::ostream& out, std::ostream& err) {
  return CommandLine().Parse(std::move(arguments), out, err);
}

}  // namespace henb::x2sec::ctl
