#include "ike_world.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "absl/time/clock.h"
#include "henb-x2sec/pluto/secret_file.h"
#include "henb-x2sec/pluto/whack_daemon.h"
#include "tests/support/fake_ike_daemon.h"

namespace henb::tests {
namespace {

using x2sec::core::ConnectionSpec;
using x2sec::core::IkeAuth;

void SetIdentities(IkeWorld& world) {
  world.a.id = *common::HenbId::Parse("henb-a.example");
  world.b.id = *common::HenbId::Parse("henb-b.example");
  world.a.address = *common::IpAddress::Parse("10.9.0.1");
  world.b.address = *common::IpAddress::Parse("10.9.0.2");
  world.a.address6 = *common::IpAddress::Parse("fd09::1");
  world.b.address6 = *common::IpAddress::Parse("fd09::2");
}

class FakeWorld final : public IkeWorld {
 public:
  FakeWorld() : daemon_a_(network_, &secrets_a_), daemon_b_(network_, &secrets_b_) {
    SetIdentities(*this);
    Equip(a, daemon_a_, secrets_a_, std::string(40, 'a'));
    Equip(b, daemon_b_, secrets_b_, std::string(40, 'b'));
  }

 private:
  static void Equip(IkeEnd& end, FakeIkeDaemon& daemon, FakeSecretStore& secrets, std::string ckaid) {
    end.daemon = &daemon;
    end.secrets = &secrets;
    end.ckaid = std::move(ckaid);
    end.ca = "O=Op, CN=CA 1";
    end.other_ca = "O=Op, CN=CA 2";
    end.rsa_ckaid = end.ckaid;
    end.rsa_ckaid.back() = '0';
    daemon.SetCertificate(end.ckaid, {end.id, end.ca});
    daemon.SetCertificate(end.rsa_ckaid, {.name = end.id, .ca = end.ca, .rsa = true});
    daemon.AddRoot(end.ca);
    daemon.AddRoot(end.other_ca);
    EXPECT_TRUE(daemon.RereadCertificates().ok());
    EXPECT_TRUE(daemon.TrustNewRoots().ok());
  }

  FakeIkeNetwork network_;
  FakeSecretStore secrets_a_, secrets_b_;
  FakeIkeDaemon daemon_a_, daemon_b_;
};

std::string Given(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

class RealWorld final : public IkeWorld {
 public:
  RealWorld() {
    SetIdentities(*this);
    a_ = Connect(a, "A");
    b_ = Connect(b, "B");
  }
  ~RealWorld() override { Clear(); }

 private:
  struct Parts {
    std::unique_ptr<x2sec::pluto::WhackDaemon> daemon;
    std::unique_ptr<x2sec::pluto::SecretFile> secrets;
  };

  Parts Connect(IkeEnd& end, const std::string& letter) {
    x2sec::pluto::WhackDaemonOptions options;
    options.control_socket = Given(("X2_PLUTO_" + letter).c_str());
    options.deadline = absl::Seconds(30);
    Parts parts;
    parts.daemon = std::make_unique<x2sec::pluto::WhackDaemon>(options, runner_);
    auto file = x2sec::pluto::SecretFile::Open({.path = Given(("X2_SECRETS_" + letter).c_str())});
    EXPECT_TRUE(file.ok()) << file.status();
    if (file.ok()) parts.secrets = *std::move(file);
    end.daemon = parts.daemon.get();
    end.secrets = parts.secrets.get();
    end.ckaid = Given(("X2_CKAID_" + letter).c_str());
    end.rsa_ckaid = Given(("X2_RSA_CKAID_" + letter).c_str());
    end.ca = Given("X2_CA");
    end.other_ca = Given("X2_OTHER_CA");
    return parts;
  }

  void Clear() const {
    for (const IkeEnd* end : {&a, &b}) {
      const auto snapshot = end->daemon->Snapshot();
      if (!snapshot.ok()) continue;
      for (const std::string& name : snapshot->connections) {
        if (name.starts_with("x2-")) {
          EXPECT_TRUE(end->daemon->Delete(name).ok());
        }
      }
      for (const auto& pair : end->secrets->Pairs()) EXPECT_TRUE(end->secrets->Remove(pair.local, pair.peer).ok());
    }
    EXPECT_TRUE(Eventually([&] { return a.daemon->States()->ike_sas.empty() && b.daemon->States()->ike_sas.empty(); }));
  }

  common::SystemProcessRunner runner_;
  Parts a_, b_;
};

}  // namespace

std::unique_ptr<IkeWorld> MakeFakeWorld() { return std::make_unique<FakeWorld>(); }

std::unique_ptr<IkeWorld> MakeRealWorld() {
  return Given("X2_PLUTO_A").empty() ? nullptr : std::make_unique<RealWorld>();
}

ConnectionSpec SpecOf(const IkeEnd& from, const IkeEnd& to, IkeAuth auth) {
  ConnectionSpec spec;
  spec.name = "x2-" + to.id.str() + "-0";
  spec.local_id = from.id;
  spec.peer_id = to.id;
  spec.local_address = spec.local_ike_address = from.address;
  spec.peer_address = spec.peer_ike_address = to.address;
  spec.reqid = 101;
  spec.auth = auth;
  if (auth == IkeAuth::kCertificate) {
    spec.local_ckaid = from.ckaid;
    spec.expected_ca = to.ca;
  }
  spec.ike_suites = {"aes_gcm256-sha2_256-ecp256"};
  spec.esp_suites = {"aes_gcm256-none-ecp256"};
  return spec;
}

bool Eventually(const std::function<bool()>& condition) {
  const absl::Time end = absl::Now() + absl::Seconds(20);
  while (!condition()) {
    if (absl::Now() > end) return false;
    absl::SleepFor(absl::Milliseconds(50));
  }
  return true;
}

}  // namespace henb::tests
