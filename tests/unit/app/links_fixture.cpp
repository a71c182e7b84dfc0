#include "links_fixture.h"

namespace henb::tests {
namespace {

using x2sec::core::ChildSa;
using x2sec::core::ConnectionSpec;
using x2sec::core::SaInfo;

constexpr char kPeerCkaid[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

SaInfo Sa(std::uint32_t spi, const common::IpAddress& from, const common::IpAddress& to, int reqid) {
  SaInfo sa;
  sa.spi = spi;
  sa.source = from;
  sa.destination = to;
  sa.reqid = reqid;
  return sa;
}

}  // namespace

LinksFixture::LinksFixture() {
  policy.operator_name = "operator.example";
  policy.audience = {*policy::IdPattern::Parse("*.example")};
  policy.version = 1;
  policy.not_before = clock.Now() - absl::Hours(24);
  policy.not_after = clock.Now() + absl::Hours(24 * 365);
  policy::Rule rule;
  rule.id = "certificates";
  rule.max_sa_age = absl::Minutes(10);
  policy.rules = {rule};
  // pluto and the kernel are two programs; what one does, the other shows, and x2secd hears of by an event.
  ike.set_child_observer([this](const ConnectionSpec& spec, const ChildSa& child, bool up) {
    if (!loop) return;
    loop->Post([this, spec, child, up] {
      if (up) {
        kernel.AddSa(Sa(child.spi_out, spec.local_ike_address, spec.peer_ike_address, spec.reqid));
        kernel.AddSa(Sa(child.spi_in, spec.peer_ike_address, spec.local_ike_address, spec.reqid));
      } else {
        kernel.EndSa(child.spi_out);
        kernel.EndSa(child.spi_in);
      }
      if (mirror) mirror->CheckKernel();
    });
  });
}

void LinksFixture::SetPeerKey(bool rsa) {
  peer.SetCertificate(kPeerCkaid, {b, device.vendor_root.certificate().subject(), "CN=b", rsa});
  ASSERT_TRUE(peer.RereadCertificates().ok());
}

void LinksFixture::Die() {
  if (worker) worker->Stop();
  links.reset();
  keys.reset();
  enrolment.reset();
  key_changes.reset();
  mirror.reset();
  health.reset();
  credentials.reset();
  worker.reset();
  loop.reset();
}

void LinksFixture::Start() {
  loop = std::make_unique<common::EventLoop>(clock);
  worker = std::make_unique<common::Worker>(*loop, 1);
  neighbours.emplace(*x2sec::app::NeighbourStore::Open(device.config.state_dir + "/neighbours.json"));
  reqids.emplace(*x2sec::app::ReqidStore::Open(device.config.state_dir + "/reqids.json", std::nullopt));
  credentials.emplace(*x2sec::app::Credentials::Load(device.config, store));
  ASSERT_TRUE(credentials->ImportInto(store).ok());
  const std::string root = device.vendor_root.certificate().subject();
  ike.SetCertificate(credentials->vendor().ckaid, {a, root, credentials->vendor().certificate.subject()});
  peer.SetCertificate(kPeerCkaid, {b, root, "CN=b"});
  for (FakeIkeDaemon* daemon : {&ike, &peer}) {
    daemon->AddRoot(root);
    ASSERT_TRUE(daemon->TrustNewRoots().ok());
    ASSERT_TRUE(daemon->RereadCertificates().ok());
  }
  MakeParts();
  ASSERT_TRUE(mirror->TakeStock().ok());
  health->Look(mirror->kernel(), false);
  links->EvaluateAll();
  Settle();
}

void LinksFixture::MakeParts() {
  using namespace x2sec::app;  // NOLINT(google-build-using-namespace): a test's own file
  health.emplace(device.config, clock);
  mirror = std::make_unique<SystemMirror>(
      SystemMirror::Parts{*loop, &ike, kernel, guard, *worker, *worker, device.directory.path()},
      SystemMirror::Callbacks{.looked = [this] { links->Observe(); },
                              .ready = [this](const std::string& name) { links->ConnectionReady(name); },
                              .refused = [this](const std::string& name,
                                                const absl::Status& status) { links->ConnectionRefused(name, status); },
                              .pluto_changed = [](bool) {}});
  key_changes = std::make_unique<KeyChanges>(
      KeyChanges::Parts{*loop, clock, &ike, *mirror, *worker, *worker, prober,
                        [this](const std::string& name, std::uint32_t spi) { links->PinMoved(name, spi); }});
  enrolment = std::make_unique<Enrolment>(Enrolment::Parts{
      device.config, *loop, clock, random, *worker, nullptr, store, ike, *credentials,
      [this] { return health->health().clock_sane; }, [](const std::string&) { return absl::OkStatus(); },
      [](std::function<void(absl::Status)>) {}, [] {}, [] {}, [](const absl::Status&) {}});
  keys = std::make_unique<KeyDistribution>(KeyDistribution::Parts{
      device.config, *loop, clock, random, *worker, nullptr, secrets, ike, [] { return x2sec::core::RegisterFacts{}; },
      [](const common::HenbId&, bool) {}, [](const common::HenbId&, const x2sec::core::PeerFacts&) {}});
  links = std::make_unique<Links>(Links::Parts{device.config,
                                               *loop,
                                               clock,
                                               random,
                                               &ike,
                                               *worker,
                                               *mirror,
                                               *key_changes,
                                               prober,
                                               *neighbours,
                                               *reqids,
                                               *credentials,
                                               *enrolment,
                                               *keys,
                                               *health,
                                               [this] { return &policy; },
                                               [] { return std::vector<policy::AnchorNews>{}; },
                                               [] { return std::vector<x2sec::core::BackhaulOnlyService>{}; },
                                               [](const common::HenbId&) {},
                                               [](x2sec::core::Desired&) {},
                                               [] {}});
}

void LinksFixture::Introduce(std::vector<std::string> addresses) {
  policy::NeighbourRecord record;
  record.id = b;
  record.kind = policy::Kind::kHenb;
  for (const std::string& address : addresses) record.x2u_addresses.push_back(*common::IpAddress::Parse(address));
  record.issuer_spki_sha256 = device.vendor_root.certificate().spki();
  ASSERT_TRUE(neighbours->Put(record).ok());
  links->EvaluateAll();
}

void LinksFixture::SetUpPeer() {
  for (const auto& [name, connection] : link().connections) {
    ConnectionSpec spec = connection.spec;
    spec.name = "x2-henb-a.example-" + name.substr(name.rfind('-') + 1);
    std::swap(spec.local_id, spec.peer_id);
    std::swap(spec.local_address, spec.peer_address);
    std::swap(spec.local_ike_address, spec.peer_ike_address);
    spec.local_ckaid = kPeerCkaid;
    spec.local_subject = "CN=b";
    ASSERT_TRUE(peer.Add(spec).ok());
  }
}

bool LinksFixture::Becomes(std::string_view wanted) {
  for (int second = 0; second < 60; ++second) {
    if (state() == wanted) return true;
    Advance(absl::Seconds(1));
  }
  return state() == wanted;
}

std::vector<std::uint32_t> LinksFixture::Pins() const {
  std::vector<std::uint32_t> pins;
  for (const auto& [name, connection] : link().connections) pins.push_back(connection.pin.value_or(0));
  return pins;
}

void LinksFixture::Traffic() {
  const auto snapshot = kernel.Snapshot();
  for (const SaInfo& sa : snapshot->sas) kernel.CountBytes(sa.spi, 100);
  mirror->CheckKernel();
  Settle();
}

void LinksFixture::SetCalendar(absl::Time now) {
  clock.SetNow(now);
  if (!links) return;
  health->Look(mirror->kernel(), false);
  links->EvaluateAll();
  Settle();
}

}  // namespace henb::tests
