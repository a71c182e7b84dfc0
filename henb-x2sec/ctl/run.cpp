#include "henb-x2sec/ctl/run.h"

#include <variant>

#include "common/exit_status.h"
#include "common/status.h"
#include "henb-x2sec/ctl/output.h"
#include "henb-x2sec/ctl/session.h"

namespace henb::x2sec::ctl {

namespace {

struct Handler {
  absl::Status (*run)(Session&);
  Purpose purpose;
};

Handler HandlerOf(Command command) {
  switch (command) {
    case Command::kLinks:
      return {Links, Purpose::kRead};
    case Command::kExplain:
      return {Explain, Purpose::kRead};
    case Command::kWait:
      return {Wait, Purpose::kRead};
    case Command::kNeighbourList:
      return {NeighbourList, Purpose::kRead};
    case Command::kPolicyShow:
      return {PolicyShow, Purpose::kRead};
    case Command::kPolicyHistory:
      return {PolicyHistory, Purpose::kRead};
    case Command::kEnrolStatus:
      return {EnrolStatus, Purpose::kRead};
    case Command::kCredentials:
      return {Credentials, Purpose::kRead};
    case Command::kDoctor:
      return {Doctor, Purpose::kRead};
    case Command::kMetrics:
      return {Metrics, Purpose::kRead};
    case Command::kNeighbourAdd:
      return {NeighbourAdd, Purpose::kChange};
    case Command::kNeighbourRemove:
      return {NeighbourRemove, Purpose::kChange};
    case Command::kNeighbourReplace:
      return {NeighbourReplace, Purpose::kChange};
    case Command::kPolicyPush:
      return {PolicyPush, Purpose::kChange};
    case Command::kProvision:
      return {Provision, Purpose::kChange};
    case Command::kEnrolNow:
      return {EnrolNow, Purpose::kChange};
    case Command::kRotate:
      return {Rotate, Purpose::kChange};
  }
  return {nullptr, Purpose::kRead};
}

absl::Status Execute(const Invocation& invocation, std::ostream& out, std::ostream& err) {
  const Handler handler = HandlerOf(invocation.command);
  std::string input;
  if (!invocation.file.empty()) {
    ASSIGN_OR_RETURN(input, ReadInput(invocation.file));
  }
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = Connect(invocation.socket, handler.purpose);
  if (!channel.ok()) return channel.status();
  Session session{invocation, std::move(input), *std::move(channel), out, err};
  return handler.run(session);
}

}  // namespace

int Run(std::vector<std::string> arguments, std::ostream& out, std::ostream& err) {
  const std::variant<Invocation, int> parsed = ParseArguments(std::move(arguments), out, err);
  if (const int* status = std::get_if<int>(&parsed)) return *status;
  const absl::Status status = Execute(std::get<Invocation>(parsed), out, err);
  out.flush();
  if (!status.ok()) err << "x2secctl: " << common::ToStd(status.message()) << '\n';
  return common::ExitStatusOf(status);
}

}  // namespace henb::x2sec::ctl
