// Control messages as the sockets take them: arbitrary octets, parsed and handed to the services in front of a fake
// daemon.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fake_backend.h"
#include "henb-x2sec/control/control_service.h"
#include "henb-x2sec/control/policy_push_service.h"
#include "henb-x2sec/control/status_service.h"

namespace {

namespace control = henb::x2sec::control;
namespace v1 = henb::control::v1;

/// Parses one request and serves it; whatever is answered must serialise.
template <typename Service, typename Request, typename Response>
void Serve(Service& service, grpc::Status (Service::*method)(grpc::ServerContext*, const Request*, Response*),
           std::string_view octets) {
  Request request;
  if (!request.ParseFromArray(octets.data(), static_cast<int>(octets.size()))) return;
  grpc::ServerContext context;
  Response response;
  const grpc::Status status = (service.*method)(&context, &request, &response);
  std::string out;
  if (status.ok() && !response.SerializeToString(&out)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(
      nullptr);  // Texts that are not UTF-8 are refused; saying so each time takes the time.
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view octets(reinterpret_cast<const char*>(data) + 1, size - 1);
  control::FakeBackend backend;
  control::LinkView link;
  link.neighbour = "henb-b.example";
  link.state = "UP_PSK";
  backend.links = {link};
  backend.explanations = {{"henb-b.example", "{}"}};
  control::LinkChanges changes;
  control::StatusService status(backend, changes, absl::ZeroDuration());
  control::ControlService admin(&backend);
  control::ControlService refusing(nullptr);
  control::PolicyPushService push(&backend);
  switch (data[0] % 8) {
    case 0:
      Serve(status, &control::StatusService::WaitForLink, octets);
      break;
    case 1:
      Serve(status, &control::StatusService::Explain, octets);
      break;
    case 2:
      Serve(admin, &control::ControlService::AddNeighbour, octets);
      break;
    case 3:
      Serve(admin, &control::ControlService::RemoveNeighbour, octets);
      break;
    case 4:
      Serve(admin, &control::ControlService::ReplaceNeighbours, octets);
      break;
    case 5:
      Serve(admin, &control::ControlService::Rotate, octets);
      break;
    case 6:
      Serve(push, &control::PolicyPushService::PushPolicy, octets);
      break;
    default:
      Serve(refusing, &control::ControlService::AddNeighbour, octets);
      if (!backend.changes().empty()) std::abort();
      break;
  }
  return 0;
}
