// keydistctl's commands: one call each, a table for people, JSON for programs.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "henb/keydist/v1/admin.grpc.pb.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's
class App;
}

namespace henb::keydist::ctl {

/// What every command has at hand. The connection is made when the first call needs it. One thread.
class Session {
 public:
  std::string socket = "/run/keydist-server/admin.sock";
  absl::Duration deadline = absl::Seconds(10);
  bool json = false;

  [[nodiscard]] v1::Admin::Stub& stub();
  /// One call with the deadline: `session.Call(&v1::Admin::Stub::ShowHenb, request, &response)`. Unavailable names the
  /// socket.
  template <typename Request, typename Response>
  [[nodiscard]] absl::Status Call(grpc::Status (v1::Admin::Stub::*method)(grpc::ClientContext*, const Request&,
                                                                          Response*),
                                  const Request& request, Response* response) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + deadline));
    return Judge((stub().*method)(&context, request, response));
  }

  /// A call that is answered by a stream: `take` gets each message.
  template <typename Request, typename Response, typename F>
  [[nodiscard]] absl::Status Stream(
      std::unique_ptr<grpc::ClientReader<Response>> (v1::Admin::Stub::*method)(grpc::ClientContext*, const Request&),
      const Request& request, absl::Duration within, const F& take) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + within));
    const auto reader = (stub().*method)(&context, request);
    for (Response message; reader->Read(&message);) take(message);
    return Judge(reader->Finish());
  }

 private:
  [[nodiscard]] absl::Status Judge(const grpc::Status& status) const;
  std::unique_ptr<v1::Admin::Stub> stub_;
};

/// Set by the command line's parser, run by main.
using Command = std::function<absl::Status(Session&)>;

void AddAuditCommands(CLI::App& app, Command* chosen);
void AddImportCommand(CLI::App& henb, Command* chosen);
void AddHenbCommands(CLI::App& app, Command* chosen);
void AddStateCommands(CLI::App& app, Command* chosen);
void AddBackupCommands(CLI::App& app, Command* chosen);
void AddKekCommands(CLI::App& app, Command* chosen);

}  // namespace henb::keydist::ctl
