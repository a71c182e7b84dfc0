// Two or more IKE daemons in memory that negotiate with each other: the fake of IkeDaemon.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "henb-x2sec/core/ports/ike_daemon.h"
#include "tests/support/fake_secret_store.h"

namespace henb::tests {

class FakeIkeDaemon;

/// What the daemons reach each other through. Outlives them. One lock for all: any thread.
class FakeIkeNetwork {
 public:
  /// Nobody hears anybody while it is cut: negotiations are not answered, notifications are lost.
  void Cut(bool cut);

 private:
  friend class FakeIkeDaemon;
  std::recursive_mutex mutex_;
  std::vector<FakeIkeDaemon*> daemons_;
  bool cut_ = false;
  std::uint32_t last_spi_ = 0x1000;
  std::uint64_t last_pair_ = 0;
};

/// Behaves as pluto behind WhackDaemon does, as docs/pluto.md has it (tests/conformance/ike_daemon runs on both):
/// serials of its own, a new child on the newest IKE SA, a childless IKE SA by Reauthenticate, secrets and certificates
/// in force only when reread.
class FakeIkeDaemon final : public x2sec::core::IkeDaemon {
 public:
  struct Certificate {
    common::HenbId name;  ///< Its one dNSName.
    std::string ca;       ///< Subject DN of the anchor of its path.
    std::string subject;  ///< Where given: connections of it show the one set last.
    bool rsa = false;     ///< Its key; else ECDSA.
  };
  /// Told of every child SA that comes (true) or goes, with its connection: to keep a fake kernel in step. Called with
  /// the network's lock.
  using ChildObserver = std::function<void(const x2sec::core::ConnectionSpec&, const x2sec::core::ChildSa&, bool up)>;

  /// `secrets` may be null where no PSK is used.
  FakeIkeDaemon(FakeIkeNetwork& network, const FakeSecretStore* secrets);
  ~FakeIkeDaemon() override;

  absl::StatusOr<std::string> CheckVersion() override;
  absl::StatusOr<x2sec::core::IkeSnapshot> Snapshot() override;
  absl::StatusOr<x2sec::core::IkeSnapshot> States() override;
  std::string Fingerprint(const x2sec::core::ConnectionSpec& spec) const override;
  absl::Status Add(const x2sec::core::ConnectionSpec& spec) override;
  absl::Status Delete(const std::string& name) override;
  absl::StatusOr<x2sec::core::InitiateReport> Initiate(const std::string& name, absl::Duration deadline) override;
  absl::Status Reauthenticate(std::uint64_t ike_serial) override;
  absl::Status DeleteState(std::uint64_t serial) override;
  absl::Status TakeDown(const std::string& foreign) override;
  absl::Status BringUp(const std::string& foreign) override;
  absl::Status RereadSecrets() override;
  absl::Status RereadCertificates() override;
  absl::Status TrustNewRoots() override;
  absl::Status ForgetOcspAnswers() override;
  absl::StatusOr<x2sec::core::OcspSettings> Ocsp() override;

  void set_child_observer(ChildObserver observer) { observer_ = std::move(observer); }
  /// The daemon's key store, by ckaid; in force after RereadCertificates.
  void SetCertificate(const std::string& ckaid, Certificate certificate);
  void RemoveCertificate(const std::string& ckaid);
  /// In force after TrustNewRoots.
  void AddRoot(const std::string& dn);
  /// What pluto's configuration says; at first it asks nobody.
  void set_ocsp(x2sec::core::OcspSettings settings) { ocsp_ = std::move(settings); }
  /// Other people's connection: listed, never ours.
  void AddForeign(const std::string& name);
  /// What BringUp and TakeDown did last; false at first.
  [[nodiscard]] bool foreign_up(const std::string& name) const;
  /// kill -9, and start again: everything is forgotten, the peers are told nothing, kernel states stay (the observer is
  /// not called).
  void Kill();
  void Start();
  /// The release it tells; another than 4.x is refused by every call.
  void set_release(std::string release) { release_ = std::move(release); }
  /// The next call of any kind fails so, and does nothing.
  void FailNext(absl::Status error);
  /// How often each call came, by its name.
  [[nodiscard]] int calls(const std::string& name) const;

 private:
  struct Sa {
    std::uint64_t pair = 0;  ///< The same at both ends.
    std::uint64_t serial = 0;
    std::uint64_t ike_serial = 0;  ///< 0: is an IKE SA.
    std::string connection;
    bool newest = false;
    std::uint32_t spi_out = 0;
    std::uint32_t spi_in = 0;
  };
  using Lock = std::lock_guard<std::recursive_mutex>;
  [[nodiscard]] absl::Status Begin(const std::string& call);
  [[nodiscard]] x2sec::core::IkeSnapshot List() const;
  /// The daemon and connection at the other end of `spec`; null where nobody hears or none fits.
  [[nodiscard]] FakeIkeDaemon* PeerOf(const x2sec::core::ConnectionSpec& spec, std::string* connection) const;
  [[nodiscard]] x2sec::core::InitiateReport Authenticate(const x2sec::core::ConnectionSpec& spec,
                                                         const FakeIkeDaemon& peer, const std::string& theirs) const;
  [[nodiscard]] bool Accepts(const x2sec::core::ConnectionSpec& spec, const Certificate* certificate) const;
  [[nodiscard]] static bool TakesKind(const x2sec::core::ConnectionSpec& spec, const Certificate& certificate);
  [[nodiscard]] const Certificate* CertificateOf(const x2sec::core::ConnectionSpec& spec) const;
  [[nodiscard]] Sa* NewestIke(const std::string& connection);
  std::uint64_t AddSa(Sa sa);
  x2sec::core::ChildSa MakeChild(Sa ours, FakeIkeDaemon& peer);
  void Drop(std::uint64_t serial, bool tell_peer);

  FakeIkeNetwork& network_;
  const FakeSecretStore* secrets_;
  ChildObserver observer_;
  bool running_ = true;
  std::string release_ = "4.10";
  absl::Status next_error_;
  x2sec::core::OcspSettings ocsp_;
  std::uint64_t last_serial_ = 0;
  std::map<std::string, x2sec::core::ConnectionSpec> connections_;
  std::set<std::string> foreign_, foreign_up_;
  std::map<x2sec::core::SecretPair, common::SecretBytes> loaded_;
  std::map<std::string, Certificate> stored_certificates_, certificates_;
  std::map<std::string, std::string> newest_of_subject_;  ///< ckaid by subject.
  std::set<std::string> stored_roots_, roots_;
  std::vector<Sa> sas_;
  std::map<std::string, int> calls_;
};

}  // namespace henb::tests
