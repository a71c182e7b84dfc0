#include "tests/support/fake_ike_daemon.h"

#include <algorithm>
#include <utility>

#include "common/status.h"

namespace henb::tests {

using common::StrCat;
using namespace x2sec::core;  // NOLINT(google-build-using-namespace): a test's own file

namespace {

bool IsOwn(const std::string& name) { return name.starts_with("x2-"); }

bool Share(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::any_of(a.begin(), a.end(), [&](const auto& x) { return std::find(b.begin(), b.end(), x) != b.end(); });
}

InitiateReport Report(InitiateOutcome outcome, std::string detail) { return {outcome, std::move(detail), {}}; }

}  // namespace

void FakeIkeNetwork::Cut(bool cut) {
  const std::lock_guard lock(mutex_);
  cut_ = cut;
}

FakeIkeDaemon::FakeIkeDaemon(FakeIkeNetwork& network, const FakeSecretStore* secrets)
    : network_(network), secrets_(secrets) {
  const Lock lock(network_.mutex_);
  network_.daemons_.push_back(this);
}

FakeIkeDaemon::~FakeIkeDaemon() {
  const Lock lock(network_.mutex_);
  std::erase(network_.daemons_, this);
}

absl::Status FakeIkeDaemon::Begin(const std::string& call) {
  ++calls_[call];
  if (!next_error_.ok()) return std::exchange(next_error_, absl::OkStatus());
  if (!release_.starts_with("4."))
    return absl::FailedPreconditionError(StrCat("pluto's release is not supported: ", release_));
  if (!running_) return absl::UnavailableError("pluto does not answer: it is not running");
  return absl::OkStatus();
}

absl::StatusOr<std::string> FakeIkeDaemon::CheckVersion() {
  const Lock lock(network_.mutex_);
  RETURN_IF_ERROR(Begin("CheckVersion"));
  return release_;
}

IkeSnapshot FakeIkeDaemon::List() const {
  IkeSnapshot snapshot;
  for (const Sa& sa : sas_) {
    if (sa.ike_serial == 0) {
      snapshot.ike_sas.push_back({sa.serial, sa.connection, true, sa.newest});
    } else {
      snapshot.child_sas.push_back({sa.serial, sa.ike_serial, sa.connection, true, sa.spi_out, sa.spi_in, sa.newest});
    }
  }
  return snapshot;
}

absl::StatusOr<IkeSnapshot> FakeIkeDaemon::States() {
  const Lock lock(network_.mutex_);
  RETURN_IF_ERROR(Begin("States"));
  return List();
}

absl::StatusOr<IkeSnapshot> FakeIkeDaemon::Snapshot() {
  const Lock lock(network_.mutex_);
  RETURN_IF_ERROR(Begin("Snapshot"));
  IkeSnapshot snapshot = List();
  snapshot.connections.assign(foreign_.begin(), foreign_.end());
  for (const auto& [name, spec] : connections_) {
    snapshot.connections.push_back(name);
    snapshot.fingerprints[name] = Fingerprint(spec);
  }
  return snapshot;
}

std::string FakeIkeDaemon::Fingerprint(const ConnectionSpec& spec) const {
  std::string text =
      StrCat(spec.name, "|", spec.local_id.str(), "|", spec.peer_id.str(), "|", spec.local_address.ToString(), "|",
             spec.peer_network ? spec.peer_network->ToString() : "", spec.local_id_is_subject,
             spec.peer_address.ToString(), "|", spec.reqid, "|", static_cast<int>(spec.auth), "|");
  common::StrAppend(&text, spec.local_subject.empty() ? spec.local_ckaid : spec.local_subject, "|", spec.expected_ca,
                    "|", common::Join(spec.ike_suites, ","), "|", common::Join(spec.esp_suites, ","), "|",
                    spec.transport_mode, spec.local_key_is_rsa, "|", spec.replay_window, "|",
                    absl::ToInt64Seconds(spec.lifetime));
  return text;
}

absl::Status FakeIkeDaemon::Add(const ConnectionSpec& spec) {
  const Lock lock(network_.mutex_);
  RETURN_IF_ERROR(Begin("Add"));
  if (!IsOwn(spec.name))
    return absl::InvalidArgumentError(StrCat("\"", spec.name, "\" is not a connection name of ours"));
  if (spec.reqid < 1 || spec.reqid > 16379 || spec.local_id.empty() || spec.peer_id.empty() ||
      spec.ike_suites.empty() || spec.esp_suites.empty() ||
      (spec.auth == IkeAuth::kCertificate && (spec.expected_ca.empty() || spec.local_ckaid.size() != 40))) {
    return absl::InvalidArgumentError(StrCat("connection ", spec.name, ": incomplete"));
  }
  if (connections_.contains(spec.name)) RETURN_IF_ERROR(Delete(spec.name));
  connections_[spec.name] = spec;
  return absl::OkStatus();
}

absl::Status FakeIkeDaemon::Delete(const std::string& name) {
  const Lock lock(network_.mutex_);
  RETURN_IF_ERROR(Begin("Delete"));
  if (!IsOwn(name)) return absl::InvalidArgumentError(StrCat("\"", name, "\" is not a connection name of ours"));
  std::vector<std::uint64_t> ikes;
  for (const Sa& sa : sas_) {
    if (sa.connection == name && sa.ike_serial == 0) ikes.push_back(sa.serial);
  }
  for (const std::uint64_t serial : ikes) Drop(serial, true);
  connections_.erase(name);
  return absl::OkStatus();
}

FakeIkeDaemon* FakeIkeDaemon::PeerOf(const ConnectionSpec& spec, std::string* connection) const {
  if (network_.cut_) return nullptr;
  FakeIkeDaemon* there = nullptr;
  for (FakeIkeDaemon* daemon : network_.daemons_) {
    if (daemon == this || !daemon->running_) continue;
    for (const auto& [name, theirs] : daemon->connections_) {
      if (theirs.local_address != spec.peer_address) continue;
      there = daemon;
      if (theirs.peer_address == spec.local_address && Share(theirs.ike_suites, spec.ike_suites)) *connection = name;
    }
  }
  return there;
}

const FakeIkeDaemon::Certificate* FakeIkeDaemon::CertificateOf(const ConnectionSpec& spec) const {
  const auto newest = newest_of_subject_.find(spec.local_subject);
  const auto at = certificates_.find(newest == newest_of_subject_.end() ? spec.local_ckaid : newest->second);
  return at == certificates_.end() ? nullptr : &at->second;
}

bool FakeIkeDaemon::Accepts(const ConnectionSpec& spec, const Certificate* certificate) const {
  return certificate != nullptr && certificate->name == spec.peer_id && certificate->ca == spec.expected_ca &&
         roots_.contains(certificate->ca);
}

bool FakeIkeDaemon::TakesKind(const ConnectionSpec& spec, const Certificate& certificate) {
  return spec.local_key_is_rsa || spec.peer_key_is_rsa == certificate.rsa;
}

InitiateReport FakeIkeDaemon::Authenticate(const ConnectionSpec& spec, const FakeIkeDaemon& peer,
                                           const std::string& theirs) const {
  const ConnectionSpec& other = peer.connections_.at(theirs);
  const InitiateReport refused =
      Report(InitiateOutcome::kAuthenticationFailed, "rejected by peer: AUTHENTICATION_FAILED");
  if (spec.auth == IkeAuth::kPsk && !loaded_.contains({spec.local_id, spec.peer_id})) {
    return Report(InitiateOutcome::kOther, "no PSK found");
  }
  if (spec.auth == IkeAuth::kCertificate && CertificateOf(spec) == nullptr) {
    return Report(InitiateOutcome::kOther, "private key not found");
  }
  if (other.auth != spec.auth || other.local_id != spec.peer_id || other.peer_id != spec.local_id) return refused;
  if (spec.auth == IkeAuth::kPsk) {
    const auto key = peer.loaded_.find({other.local_id, other.peer_id});
    const bool same =
        key != peer.loaded_.end() && common::ConstantTimeEquals(key->second, loaded_.at({spec.local_id, spec.peer_id}));
    return same ? Report(InitiateOutcome::kEstablished, "") : refused;
  }
  const Certificate* others = peer.CertificateOf(other);
  if (!peer.Accepts(other, CertificateOf(spec)) || !TakesKind(other, *CertificateOf(spec)) || others == nullptr) {
    return refused;
  }
  if (!TakesKind(spec, *others)) {
    return Report(InitiateOutcome::kOtherKeyKind, "authentication failed: peer authentication requires policy");
  }
  if (!Accepts(spec, others)) return Report(InitiateOutcome::kCertificateRejected, "no certificate matched");
  return Report(InitiateOutcome::kEstablished, "");
}

FakeIkeDaemon::Sa* FakeIkeDaemon::NewestIke(const std::string& connection) {
  for (Sa& sa : sas_) {
    if (sa.ike_serial == 0 && sa.newest && sa.connection == connection) return &sa;
  }
  return nullptr;
}

std::uint64_t FakeIkeDaemon::AddSa(Sa sa) {
  for (Sa& other : sas_) {
    if (other.connection == sa.connection && (other.ike_serial == 0) == (sa.ike_serial == 0)) other.newest = false;
  }
  sa.serial = ++last_serial_;
  sa.newest = true;
  sas_.push_back(std::move(sa));
  return last_serial_;
}

ChildSa FakeIkeDaemon::MakeChild(Sa ours, FakeIkeDaemon& peer) {
  const auto ike = std::find_if(peer.sas_.begin(), peer.sas_.end(), [&](const Sa& sa) { return sa.pair == ours.pair; });
  const std::uint32_t out = ++network_.last_spi_;
  const std::uint32_t in = ++network_.last_spi_;
  const std::uint64_t pair = ++network_.last_pair_;
  const std::string theirs = ike->connection;
  peer.AddSa({pair, 0, ike->serial, theirs, true, in, out});
  AddSa({pair, 0, ours.serial, ours.connection, true, out, in});
  const ChildSa child = List().child_sas.back();
  if (peer.observer_) peer.observer_(peer.connections_.at(theirs), peer.List().child_sas.back(), true);
  if (observer_) observer_(connections_.at(ours.connection), child, true);
  return child;
}

absl::StatusOr<InitiateReport> FakeIkeDaemon::Initiate(const std::string& name, absl::Duration) {
  const Lock lock(network_.mutex_);
  RETURN_IF_ERROR(Begin("Initiate"));
  if (!IsOwn(name)) return absl::InvalidArgumentError(StrCat("\"", name, "\" is not a connection name of ours"));
  const auto spec = connections_.find(name);
  if (spec == connections_.end()) return absl::NotFoundError(StrCat("pluto has no connection ", name));
  std::string theirs;
  FakeIkeDaemon* peer = PeerOf(spec->second, &theirs);
  if (network_.cut_) return Report(InitiateOutcome::kNoAnswer, "no response");
  if (peer == nullptr || theirs.empty()) return Report(InitiateOutcome::kNoProposalChosen, "NO_PROPOSAL_CHOSEN");
  if (NewestIke(name) == nullptr) {
    InitiateReport report = Authenticate(spec->second, *peer, theirs);
    if (report.outcome != InitiateOutcome::kEstablished) return report;
    const std::uint64_t pair = ++network_.last_pair_;
    peer->AddSa({pair, 0, 0, theirs, true, 0, 0});
    AddSa({pair, 0, 0, name, true, 0, 0});
  }
  const ConnectionSpec& other = peer->connections_.at(theirs);
  if (!Share(other.esp_suites, spec->second.esp_suites) || other.transport_mode != spec->second.transport_mode) {
    return Report(InitiateOutcome::kChildRefused, "rejected Child SA with NO_PROPOSAL_CHOSEN");
  }
  InitiateReport report = Report(InitiateOutcome::kEstablished, "initiator established Child SA");
  report.child = MakeChild(*NewestIke(name), *peer);
  return report;
}

absl::Status FakeIkeDaemon::Reauthenticate(std::uint64_t ike_serial) {
  const Lock lock(network_.mutex_);
  RETURN_IF_ERROR(Begin("Reauthenticate"));
  const auto sa = std::find_if(sas_.begin(), sas_.end(),
                               [&](const Sa& one) { return one.serial == ike_serial && one.ike_serial == 0; });
  if (sa == sas_.end()) return absl::NotFoundError(StrCat("reauthenticating #", ike_serial, ": no such state"));
  const std::string name = sa->connection;
  std::string theirs;
  FakeIkeDaemon* peer = PeerOf(connections_.at(name), &theirs);
  if (peer == nullptr || theirs.empty()) return absl::OkStatus();
  if (Authenticate(connections_.at(name), *peer, theirs).outcome != InitiateOutcome::kEstablished)
    return absl::OkStatus();
  const std::uint64_t pair = ++network_.last_pair_;
  peer->AddSa({pair, 0, 0, theirs, true, 0, 0});
  AddSa({pair, 0, 0, name, true, 0, 0});
  return absl::OkStatus();
}

void FakeIkeDaemon::Drop(std::uint64_t serial, bool tell_peer) {
  const auto at = std::find_if(sas_.begin(), sas_.end(), [&](const Sa& sa) { return sa.serial == serial; });
  if (at == sas_.end()) return;
  const Sa gone = *at;
  std::vector<std::uint64_t> children;
  for (const Sa& sa : sas_) {
    if (gone.ike_serial == 0 && sa.ike_serial == serial) children.push_back(sa.serial);
  }
  for (const std::uint64_t child : children) Drop(child, tell_peer);
  std::erase_if(sas_, [&](const Sa& sa) { return sa.serial == serial; });
  if (gone.ike_serial != 0 && observer_) {
    observer_(connections_.at(gone.connection),
              {gone.serial, gone.ike_serial, gone.connection, true, gone.spi_out, gone.spi_in, gone.newest}, false);
  }
  if (!tell_peer || network_.cut_) return;
  for (FakeIkeDaemon* daemon : network_.daemons_) {
    if (daemon == this || !daemon->running_) continue;
    const auto other =
        std::find_if(daemon->sas_.begin(), daemon->sas_.end(), [&](const Sa& sa) { return sa.pair == gone.pair; });
    if (other != daemon->sas_.end()) daemon->Drop(other->serial, false);
  }
}

absl::Status FakeIkeDaemon::DeleteState(std::uint64_t serial) {
  const Lock lock(network_.mutex_);
  RETURN_IF_ERROR(Begin("DeleteState"));
  Drop(serial, true);
  return absl::OkStatus();
}

absl::Status FakeIkeDaemon::TakeDown(const std::string& foreign) {
  const Lock lock(network_.mutex_);
  RETURN_IF_ERROR(Begin("TakeDown"));
  if (IsOwn(foreign) || foreign.empty() || foreign.front() == '-') return absl::InvalidArgumentError(foreign);
  foreign_up_.erase(foreign);
  return absl::OkStatus();
}

absl::Status FakeIkeDaemon::BringUp(const std::string& foreign) {
  const Lock lock(network_.mutex_);
  RETURN_IF_ERROR(Begin("BringUp"));
  if (IsOwn(foreign) || foreign.empty() || foreign.front() == '-') return absl::InvalidArgumentError(foreign);
  if (foreign_.contains(foreign)) foreign_up_.insert(foreign);
  return absl::OkStatus();
}

bool FakeIkeDaemon::foreign_up(const std::string& name) const {
  const Lock lock(network_.mutex_);
  return foreign_up_.contains(name);
}

absl::Status FakeIkeDaemon::RereadSecrets() {
  const Lock lock(network_.mutex_);
  RETURN_IF_ERROR(Begin("RereadSecrets"));
  if (secrets_ != nullptr) loaded_ = secrets_->Copy();
  return absl::OkStatus();
}

absl::Status FakeIkeDaemon::RereadCertificates() {
  const Lock lock(network_.mutex_);
  RETURN_IF_ERROR(Begin("RereadCertificates"));
  certificates_ = stored_certificates_;
  return absl::OkStatus();
}

absl::Status FakeIkeDaemon::TrustNewRoots() {
  const Lock lock(network_.mutex_);
  RETURN_IF_ERROR(Begin("TrustNewRoots"));
  roots_ = stored_roots_;
  return absl::OkStatus();
}

absl::Status FakeIkeDaemon::ForgetOcspAnswers() {
  const Lock lock(network_.mutex_);
  return Begin("ForgetOcspAnswers");
}

absl::StatusOr<x2sec::core::OcspSettings> FakeIkeDaemon::Ocsp() {
  const Lock lock(network_.mutex_);
  RETURN_IF_ERROR(Begin("Ocsp"));
  return ocsp_;
}

void FakeIkeDaemon::SetCertificate(const std::string& ckaid, Certificate certificate) {
  const Lock lock(network_.mutex_);
  if (!certificate.subject.empty()) newest_of_subject_[certificate.subject] = ckaid;
  stored_certificates_[ckaid] = std::move(certificate);
}

void FakeIkeDaemon::RemoveCertificate(const std::string& ckaid) {
  const Lock lock(network_.mutex_);
  stored_certificates_.erase(ckaid);
}

void FakeIkeDaemon::AddRoot(const std::string& dn) {
  const Lock lock(network_.mutex_);
  stored_roots_.insert(dn);
}

void FakeIkeDaemon::AddForeign(const std::string& name) {
  const Lock lock(network_.mutex_);
  foreign_.insert(name);
}

void FakeIkeDaemon::Kill() {
  const Lock lock(network_.mutex_);
  running_ = false;
  sas_.clear();
  connections_.clear();
  loaded_.clear();
  certificates_.clear();
  roots_.clear();
}

void FakeIkeDaemon::Start() {
  const Lock lock(network_.mutex_);
  running_ = true;
  last_serial_ = 0;
  if (secrets_ != nullptr) loaded_ = secrets_->Copy();
  certificates_ = stored_certificates_;
  roots_ = stored_roots_;
}

void FakeIkeDaemon::FailNext(absl::Status error) {
  const Lock lock(network_.mutex_);
  next_error_ = std::move(error);
}

int FakeIkeDaemon::calls(const std::string& name) const {
  const Lock lock(network_.mutex_);
  const auto at = calls_.find(name);
  return at == calls_.end() ? 0 : at->second;
}

}  // namespace henb::tests
