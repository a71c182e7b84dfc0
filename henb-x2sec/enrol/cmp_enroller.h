// The device's enrolment at the operator's RA/CA by CMPv2 (RFC 4210; TS 33.310 clause 9).
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "common/clock.h"
#include "common/random.h"
#include "henb-x2sec/core/ports/device_key_store.h"
#include "henb-x2sec/core/ports/enroller.h"
#include "henb-x2sec/enrol/cmp_transport.h"
#include "henb-x2sec/enrol/enrolment_state.h"
#include "henb-x2sec/enrol/signing_key.h"

namespace henb::x2sec::enrol {

struct CertifiedPath;
struct CmpSessionParts;
class NemSession;

/// The new key is made in the device's key store before the first message and never leaves it (R33); its name and the
/// certificate are kept in a state file, so that an enrolment cut off at any step goes on with the same key, and what
/// the CA may have issued meanwhile is revoked first (R34). On success key and certificate are in the store: Enrolled
/// has the ckaid and no private key; until Kept, every further Enrol answers the same. Blocking, one call at a time.
/// Each attempt logs "cmp.sent" and "cmp.received" for every message.
class CmpEnroller final : public core::Enroller {
 public:
  /// Makes the transport for a server_url; HttpTransport::Create outside tests.
  using TransportFactory = std::function<absl::StatusOr<std::unique_ptr<CmpTransport>>(const std::string& url)>;

  /// Everything borrowed must outlive the enroller.
  struct Parts {
    core::DeviceKeyStore& keys;
    SigningKey& vendor_key;
    const common::Clock& clock;
    std::string state_path;  ///< A file in the state directory; not secret.
    /// Waits between questions; tests put a clock's in. Absent: real time, until Stop.
    std::function<bool(absl::Duration)> wait = nullptr;
    std::shared_ptr<common::Random> random = std::make_shared<common::SystemRandom>();
    TransportFactory transport = [](const std::string& url) -> absl::StatusOr<std::unique_ptr<CmpTransport>> {
      return HttpTransport::Create(url);
    };
  };
  explicit CmpEnroller(Parts parts);

  /// InvalidArgument: a URL, name or chain in the request that can't be used; otherwise as the port says.
  absl::StatusOr<core::Enrolled> Enrol(const core::EnrolRequest& request) override;
  bool Unfinished() const override;
  absl::Status Kept() override;
  void Stop() override;

 private:
  absl::StatusOr<EnrolmentState> LoadOrBegin(const core::EnrolRequest& request);
  /// The state to go on with; nullopt: none, and none is left.
  absl::StatusOr<std::optional<EnrolmentState>> Resume(const core::EnrolRequest& request);
  absl::Status RemoveKeysMadeInVain(const std::set<std::string>& others);
  absl::StatusOr<core::Enrolled> Finish(const EnrolmentState& state);
  absl::Status RevokeUnsure(const CmpSessionParts& vendor_session, const core::EnrolRequest& request,
                            EnrolmentState* state);
  /// R36: ir under the symmetric credential, which is opened for this and wiped when it is over.
  absl::StatusOr<core::Enrolled> RunByMac(const CmpSessionParts& vendor, const core::EnrolRequest& request,
                                          EnrolmentState* state);
  /// ir where `signer` is `vendor` or has a MAC, else kur. Revocations are the vendor certificate's.
  absl::StatusOr<core::Enrolled> Run(const CmpSessionParts& signer, const CmpSessionParts& vendor,
                                     const core::EnrolRequest& request, EnrolmentState* kept);

  absl::StatusOr<core::Enrolled> EnrolThroughNem(core::EnrolRequest request);
  absl::Status FetchThroughNem(NemSession& session, const core::EnrolRequest& request, EnrolmentState* kept);

  /// False: Stop was called.
  bool Wait(absl::Duration delay);
  bool Stopped();

  Parts parts_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopped_ = false;
  EnrolmentStateFile state_file_;
};

}  // namespace henb::x2sec::enrol
