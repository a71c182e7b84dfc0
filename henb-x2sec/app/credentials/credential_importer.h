// The device's credentials go into the NSS database, without the loop waiting for it.
#pragma once

#include <functional>

#include "common/worker.h"
#include "henb-x2sec/app/credentials/credentials.h"
#include "henb-x2sec/core/ports/certificate_store.h"
#include "henb-x2sec/core/ports/ike_daemon.h"

namespace henb::x2sec::app {

/// Puts roots, intermediates and the vendor key into the store, and tells pluto of roots that are new. Failures are an
/// alarm; it is done again when pluto starts. Loop thread.
class CredentialImporter {
 public:
  struct Parts {
    common::Worker& ike_worker;  ///< What is given to pluto after this comes after it.
    core::CertificateStore& store;
    core::IkeDaemon& ike;
    Credentials& credentials;
    std::function<void()> imported;  ///< All is in, again or for the first time.
    std::function<void()> changed;   ///< The vendor key is known by another ckaid: links are to be decided anew.
  };
  explicit CredentialImporter(Parts parts) : parts_(std::move(parts)) {}

  /// At the start, before the loop runs: the first decisions want the key's ckaid.
  void Now();
  /// On the worker. One at a time; what is asked for meanwhile follows it.
  void Begin();

 private:
  /// True when links are to be decided anew.
  [[nodiscard]] bool Done(const absl::StatusOr<CredentialImport::Result>& result);
  void TellPluto();

  Parts parts_;
  bool imported_ = false;
  bool running_ = false;
  bool again_ = false;
};

}  // namespace henb::x2sec::app
