// Step 0.5 of an enrolment: a tunnel to an enrolment SEG, by the vendor certificate, for CMP alone (R38).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/event_loop.h"
#include "common/ip_address.h"
#include "common/worker.h"
#include "henb-x2sec/app/config/enrolment_seg.h"
#include "henb-x2sec/app/credentials/credentials.h"
#include "henb-x2sec/app/enrolment/name_lookup.h"
#include "henb-x2sec/core/ports/ike_daemon.h"
#include "henb-x2sec/core/ports/kernel_ipsec.h"

namespace henb::x2sec::app {

/// The name under which the reqid of these tunnels is kept. No neighbour can have it (RFC 6761 §6.4).
[[nodiscard]] common::HenbId InitialIpsecId();

/// `seg` has an address. By the vendor certificate, the peer below the first operator root; traffic with the RA/CA
/// alone. FailedPrecondition says what is missing. Pure.
[[nodiscard]] absl::StatusOr<core::ConnectionSpec> InitialIpsecSpec(
    const EnrolmentSeg& seg, const common::IpAddress& ra_ca, const common::IpAddress& local_to_seg,
    const common::IpAddress& local_to_ra_ca, int reqid, const common::HenbId& self, const Credentials& credentials);

/// The kernel holds SAs of the connection's reqid between its ends, both ways. Pure.
[[nodiscard]] bool HoldsBothWays(const core::KernelSnapshot& kernel, const core::ConnectionSpec& spec);

/// Opens the tunnel for one enrolment and takes it down afterwards: the SEGs of a list one after the other until one
/// lets us in. Its connection is one of those that should be (`wanted`), so a restart of x2secd takes down what a dead
/// one left. Loop thread.
class InitialIpsec {
 public:
  struct Parts {
    common::EventLoop& loop;
    const common::Clock& clock;
    common::Worker& initiate_worker;
    core::IkeDaemon* ike;  ///< None: IPsec is left out or off; Open fails.
    /// The connection to this SEG for traffic with the RA/CA; an error says what is missing.
    std::function<absl::StatusOr<core::ConnectionSpec>(const EnrolmentSeg&, const common::IpAddress& ra_ca)> spec_for;
    std::function<void()> wanted_changed;
    std::function<void(const std::string& connection)> renew;         ///< pluto is to be given it anew.
    std::function<bool(const std::string& connection)> in_pluto;      ///< As wanted.
    std::function<bool(const core::ConnectionSpec& spec)> in_kernel;  ///< SAs both ways.
    /// Addresses of a SEG that is known by name alone. Blocks; on the worker.
    std::function<absl::StatusOr<std::vector<common::IpAddress>>(const std::string& host)> look_up = LookUp;
  };
  explicit InitialIpsec(Parts parts) : parts_(std::move(parts)) {}

  /// `done` with OK once the kernel holds the SAs; else Unavailable, whose message begins with the event of the last
  /// SEG's failure: initial_ipsec.no_seg, .unreachable, .seg_not_trusted, .refused, .failed. One at a time.
  void Open(std::vector<EnrolmentSeg> segs, const common::IpAddress& ra_ca, std::function<void(absl::Status)> done);
  /// The enrolment is over: connection and SAs go. Also ends an Open under way, whose `done` is not called then.
  void Close();
  [[nodiscard]] const std::optional<core::ConnectionSpec>& wanted() const { return wanted_; }

 private:
  void Try();
  void AwaitPluto();
  void LookUpSeg();
  void LookedUp(const absl::StatusOr<std::vector<common::IpAddress>>& addresses);
  void Poll(bool (InitialIpsec::*reached)() const, void (InitialIpsec::*then)(), std::string_view what,
            absl::Duration deadline);
  [[nodiscard]] bool InPluto() const { return parts_.in_pluto(wanted_->name); }
  [[nodiscard]] bool InKernel() const { return parts_.in_kernel(*wanted_); }
  void Initiate();
  void Initiated(const absl::StatusOr<core::InitiateReport>& report);
  void Opened();
  void Failed(std::string_view event, std::string_view why);

  Parts parts_;
  std::optional<core::ConnectionSpec> wanted_;
  std::vector<EnrolmentSeg> segs_;
  std::size_t at_ = 0;
  bool key_kind_told_ = false;  ///< By this SEG: a second time is a failure.
  common::IpAddress ra_ca_;
  std::function<void(absl::Status)> done_;
  std::uint64_t turn_ = 0;  ///< What comes back of an earlier try is of no interest.
};

}  // namespace henb::x2sec::app
