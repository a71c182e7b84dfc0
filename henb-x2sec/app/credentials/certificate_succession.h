// After a renewal: links move to the new certificate, and the old key leaves its store.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/clock.h"
#include "common/event_loop.h"
#include "common/henb_id.h"
#include "common/random.h"
#include "common/worker.h"
#include "henb-x2sec/app/credentials/credentials.h"
#include "henb-x2sec/core/ports/certificate_store.h"
#include "henb-x2sec/core/ports/ike_daemon.h"

namespace henb::x2sec::app {

/// Owns the list of superseded operator keys, kept in a file, so that a restart at any point goes on (R34). pluto shows
/// the new certificate from the moment it has reread its certificates; what was authenticated before is done anew, one
/// link after another, by a key change that loses nothing (R20). A link that is down moves when it comes up. When no
/// SA of the old certificate is left, its key and certificate leave the store. Nothing but keys that were the device's
/// operator key is ever removed, and never the one in use. Loop thread.
class CertificateSuccession {
 public:
  struct Parts {
    common::EventLoop& loop;
    const common::Clock& clock;
    common::Random& random;
    common::Worker& ike_worker;
    core::IkeDaemon& ike;
    core::CertificateStore& store;
    const Credentials& credentials;
    std::string path;
    /// Neighbours whose link has an IKE SA of the operator certificate up to this serial of pluto's; nullopt: pluto is
    /// away.
    std::function<std::optional<std::vector<common::HenbId>>(std::uint64_t newest)> left_behind;
    std::function<void(const common::HenbId&, std::function<void(absl::Status)>)> change_key;
    std::function<bool(const common::HenbId&)> starts;         ///< Ours is the end that starts key changes.
    std::function<void()> look_at_pluto;                       ///< `left_behind` is to be up to date soon.
    std::function<void(std::string, bool, std::string)> note;  ///< A step for `enrol --status`.
  };
  explicit CertificateSuccession(Parts parts);
  ~CertificateSuccession();
  CertificateSuccession(const CertificateSuccession&) = delete;
  CertificateSuccession& operator=(const CertificateSuccession&) = delete;

  /// The key of this ckaid, the operator certificate's, may be superseded by what begins now. On the disk when this
  /// returns OK; without that nothing may begin.
  [[nodiscard]] absl::Status WillReplace(const std::string& ckaid);
  /// There is another operator certificate, or pluto has started, or x2secd: what is there now was authenticated
  /// before. Nothing happens where no key is superseded.
  void Begin();
  /// Keys that are to go and are still there.
  [[nodiscard]] std::set<std::string> ToGo() const;

 private:
  struct Attempts {
    int failed = 0;
    absl::Duration next;  ///< Steady clock.
  };
  void Baseline();
  void Work();
  void WorkIn(absl::Duration delay);
  void MoveOne(const std::vector<common::HenbId>& left);
  void Moved(const common::HenbId& id, const absl::Status& status);
  void RemoveKeys();
  void Removed(const std::string& ckaid, const absl::Status& status);
  [[nodiscard]] absl::Status Save() const;

  Parts parts_;
  std::set<std::string> superseded_;
  std::optional<std::uint64_t> newest_old_;  ///< IKE SAs above this serial were authenticated by what is in use now.
  bool asking_ = false;
  bool removing_ = false;
  std::optional<common::HenbId> moving_;
  std::map<common::HenbId, Attempts> attempts_;
  std::optional<common::EventLoop::TimerId> timer_;
};

}  // namespace henb::x2sec::app
