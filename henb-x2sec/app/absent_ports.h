// Stand-ins for what a build leaves out (R3): they hold nothing and refuse everything, so that what needs them is
// BLOCK.
#pragma once

#include <string>
#include <vector>

#include "henb-x2sec/core/ports/certificate_store.h"
#include "henb-x2sec/core/ports/ike_daemon.h"
#include "henb-x2sec/core/ports/secret_store.h"

namespace henb::x2sec::app {

[[nodiscard]] inline absl::Status LeftOut() {
  return absl::FailedPreconditionError("IPsec is left out of this build or switched off (features.ipsec)");
}

class AbsentIkeDaemon final : public core::IkeDaemon {
 public:
  absl::StatusOr<std::string> CheckVersion() override { return LeftOut(); }
  absl::StatusOr<core::IkeSnapshot> Snapshot() override { return LeftOut(); }
  std::string Fingerprint(const core::ConnectionSpec&) const override { return ""; }
  absl::Status Add(const core::ConnectionSpec&) override { return LeftOut(); }
  absl::Status Delete(const std::string&) override { return LeftOut(); }
  absl::StatusOr<core::InitiateReport> Initiate(const std::string&, absl::Duration) override { return LeftOut(); }
  absl::Status Reauthenticate(std::uint64_t) override { return LeftOut(); }
  absl::Status DeleteState(std::uint64_t) override { return LeftOut(); }
  absl::Status TakeDown(const std::string&) override { return LeftOut(); }
  absl::Status BringUp(const std::string&) override { return LeftOut(); }
  absl::Status RereadSecrets() override { return LeftOut(); }
  absl::Status RereadCertificates() override { return LeftOut(); }
  absl::Status TrustNewRoots() override { return LeftOut(); }
  absl::Status ForgetOcspAnswers() override { return LeftOut(); }
  absl::StatusOr<core::OcspSettings> Ocsp() override { return LeftOut(); }
};

class AbsentCertificateStore final : public core::CertificateStore {
 public:
  absl::StatusOr<bool> ImportRoot(const common::Certificate&) override { return LeftOut(); }
  absl::Status ImportIntermediate(const common::Certificate&) override { return LeftOut(); }
  absl::StatusOr<bool> RemoveIntermediate(const common::Certificate&) override { return LeftOut(); }
  absl::StatusOr<std::string> ImportKey(const common::SecretBytes&, const common::Certificate&) override {
    return LeftOut();
  }
  absl::StatusOr<std::string> ImportCertificate(const common::Certificate&) override { return LeftOut(); }
  absl::StatusOr<std::vector<core::StoredKey>> Keys() override { return std::vector<core::StoredKey>{}; }
  absl::StatusOr<std::vector<common::Certificate>> Roots() override { return std::vector<common::Certificate>{}; }
  absl::Status DeleteKey(const std::string&) override { return absl::OkStatus(); }
};

class AbsentSecretStore final : public core::SecretStore {
 public:
  absl::Status Put(const common::HenbId&, const common::HenbId&, const common::SecretBytes&) override {
    return LeftOut();
  }
  absl::Status Remove(const common::HenbId&, const common::HenbId&) override { return absl::OkStatus(); }
  bool Has(const common::HenbId&, const common::HenbId&) const override { return false; }
  std::vector<core::SecretPair> Pairs() const override { return {}; }
};

}  // namespace henb::x2sec::app
