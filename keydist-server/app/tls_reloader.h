// New TLS files taken over by a running server.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "keydist-server/app/health.h"
#include "keydist-server/app/listener_tls.h"
#include "keydist-server/rpc/peer_verifier.h"

namespace henb::keydist::app {

/// Looks at the files every second, and reads them when they have changed and have been left alone for a second; or
/// when told. What is not good as a whole is refused with an alarm, and what was in use stays. Streams and calls go on;
/// what a HeNB asks for next is judged by the new anchors. One thread, but for facts().
class TlsReloader {
 public:
  /// `first` is what the files of `config` held when `listener` and `verifier` were made, which outlive this.
  TlsReloader(const Config& config, const TlsMaterial& first, ListenerTls& listener, rpc::PeerVerifier& verifier);

  /// The files that `config` names. InvalidArgument and others as LoadTls: nothing has changed.
  [[nodiscard]] absl::Status Reload(const Config& config);
  void Tick();
  [[nodiscard]] TlsFacts facts() const;

 private:
  using Fingerprint = std::vector<std::string>;  ///< One of each file.
  [[nodiscard]] Fingerprint Look() const;
  void Remember(const TlsMaterial& material);

  Config config_;  ///< Its tls part.
  ListenerTls& listener_;
  rpc::PeerVerifier& verifier_;
  Fingerprint judged_;  ///< Files as they were read last, well or not.
  Fingerprint seen_;    ///< As they were a second ago.
  mutable std::mutex mutex_;
  TlsFacts facts_;
};

}  // namespace henb::keydist::app
