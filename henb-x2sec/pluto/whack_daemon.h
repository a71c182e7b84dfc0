// pluto, driven through whack.
#pragma once

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/process_runner.h"
#include "henb-x2sec/core/ports/ike_daemon.h"
#include "henb-x2sec/pluto/whack_command.h"
#include "henb-x2sec/pluto/whack_reply.h"

namespace henb::x2sec::pluto {

struct WhackDaemonOptions {
  std::string whack = "/usr/libexec/ipsec/whack";
  std::string control_socket;  ///< Empty: whack's own default, /run/pluto/pluto.ctl.
  /// Where not empty: RereadSecrets is FailedPrecondition when pluto did not read this file, because its secrets file
  /// does not include it.
  std::string secrets_path;
  absl::Duration deadline = absl::Seconds(10);  ///< Of every command but Initiate.
  ConnectionTimers timers;
};

/// Runs whack as a program, with argument vectors, a deadline and all of its output read. Any thread. Commands go one
/// at a time, except Initiate, which waits for the peer and so runs beside the others (whack stays attached to its own
/// negotiation only).
///
/// Beyond the port's errors: InvalidArgument when a specification may not become a command line; FailedPrecondition
/// from Add when pluto took the connection otherwise than it was meant (an anchor it ignored, a certificate it does not
/// have), the connection is removed then; Internal when pluto said something that is not understood.
class WhackDaemon final : public core::IkeDaemon {
 public:
  /// `runner` must outlive this.
  WhackDaemon(WhackDaemonOptions options, common::ProcessRunner& runner)
      : options_(std::move(options)), runner_(runner) {}

  /// Both the release of whack and that of the pluto that runs.
  [[nodiscard]] absl::StatusOr<std::string> CheckVersion() override;
  [[nodiscard]] absl::StatusOr<core::IkeSnapshot> Snapshot() override;
  [[nodiscard]] absl::StatusOr<core::IkeSnapshot> States() override;
  [[nodiscard]] std::string Fingerprint(const core::ConnectionSpec& spec) const override;
  [[nodiscard]] absl::Status Add(const core::ConnectionSpec& spec) override;
  [[nodiscard]] absl::Status Delete(const std::string& name) override;
  /// The attempt goes on in pluto when `deadline` is over before it ended: delete the connection, or see States.
  [[nodiscard]] absl::StatusOr<core::InitiateReport> Initiate(const std::string& name,
                                                              absl::Duration deadline) override;
  [[nodiscard]] absl::Status Reauthenticate(std::uint64_t ike_serial) override;
  [[nodiscard]] absl::Status DeleteState(std::uint64_t serial) override;
  [[nodiscard]] absl::Status TakeDown(const std::string& foreign) override;
  [[nodiscard]] absl::Status BringUp(const std::string& foreign) override;
  [[nodiscard]] absl::Status RereadSecrets() override;
  [[nodiscard]] absl::Status RereadCertificates() override;
  [[nodiscard]] absl::Status TrustNewRoots() override;
  [[nodiscard]] absl::Status ForgetOcspAnswers() override;
  [[nodiscard]] absl::StatusOr<core::OcspSettings> Ocsp() override;

 private:
  /// Runs whack; `what` is the context of errors.
  [[nodiscard]] absl::StatusOr<WhackReply> Run(const whack_command::Arguments& words, std::string_view what);
  [[nodiscard]] absl::StatusOr<WhackReply> RunAttached(const whack_command::Arguments& words, absl::Duration deadline);
  /// whack's own release, asked once.
  [[nodiscard]] absl::Status EnsureRelease();
  [[nodiscard]] absl::Status AddOnce(const core::ConnectionSpec& spec, const whack_command::Arguments& words);

  const WhackDaemonOptions options_;
  common::ProcessRunner& runner_;
  absl::Mutex one_at_a_time_;
  absl::Mutex release_mutex_;
  bool release_known_ ABSL_GUARDED_BY(release_mutex_) = false;
};

}  // namespace henb::x2sec::pluto
