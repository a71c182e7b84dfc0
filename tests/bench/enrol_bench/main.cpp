// enrol-p256: from the first octet of ir to the last of pkiConf, P-256 throughout.
//
// Ours: x2secd's enrolment, vendor key and new key in an NSS database, every check made, what must survive a power cut
// on the disk before the CA is told. Floor: the shortest client that libcrypto's CMP allows, its keys in memory, no
// check of its own, against the same RA/CA over the same HTTP. In turns, each with a connection of its own.
#include <openssl/cmp.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/log.h"
#include "henb-x2sec/enrol/certificate_check.h"
#include "henb-x2sec/nss/nss_certificate_store.h"
#include "tests/support/certificate_builder.h"
#include "tests/support/nss_database.h"
#include "tests/unit/enrol/enrol_scene.h"

namespace henb::tests {
namespace {

using x2sec::enrol::CmpTransport;
using x2sec::enrol::HttpTransport;

constexpr int kRounds = 5;
constexpr int kEach = 12;
constexpr double kGoal = 1.15;

/// Notes when the first exchange began and the last one ended.
struct Stopwatch {
  std::optional<absl::Time> begun;
  absl::Time ended;
  absl::Duration waiting;  ///< For the RA/CA's answers; the rest is the client's own.
  [[nodiscard]] double milliseconds() const { return absl::ToDoubleMilliseconds(ended - begun.value_or(ended)); }
};

class TimedTransport final : public CmpTransport {
 public:
  TimedTransport(std::unique_ptr<CmpTransport> transport, Stopwatch* watch)
      : transport_(std::move(transport)), watch_(watch) {}
  absl::StatusOr<std::string> Exchange(std::string_view request, absl::Duration timeout) override {
    const absl::Time begun = absl::Now();
    if (!watch_->begun) watch_->begun = begun;
    auto answer = transport_->Exchange(request, timeout);
    watch_->ended = absl::Now();
    watch_->waiting += watch_->ended - begun;
    return answer;
  }

 private:
  std::unique_ptr<CmpTransport> transport_;
  Stopwatch* watch_;
};

/// Milliseconds of the whole and of waiting; negative: it failed.
struct Took {
  double whole = -1;
  double waiting = -1;
};

Took TookOf(const Stopwatch& watch) { return {watch.milliseconds(), absl::ToDoubleMilliseconds(watch.waiting)}; }

Took Ours(EnrolScene& scene) {
  const NssDatabase database;
  const auto store = x2sec::nss::NssCertificateStore::Open(database.path()).value();
  if (!store->ImportKey(Pkcs8Of(scene.device.key.get()), scene.device.certificate).ok()) return {};
  x2sec::enrol::StoredSigningKey vendor_key(*store);
  Stopwatch watch;
  x2sec::enrol::CmpEnroller::Parts parts{*store, vendor_key, *scene.clock, scene.state_path()};
  parts.transport = [&](const std::string& url) -> absl::StatusOr<std::unique_ptr<CmpTransport>> {
    return std::make_unique<TimedTransport>(HttpTransport::Create(url).value(), &watch);
  };
  x2sec::enrol::CmpEnroller enroller(std::move(parts));
  const auto enrolled = enroller.Enrol(scene.Request());
  if (!enrolled.ok()) std::cerr << enrolled.status() << "\n";
  return enrolled.ok() && enroller.Kept().ok() ? TookOf(watch) : Took();
}

OSSL_CMP_MSG* Transfer(OSSL_CMP_CTX* context, const OSSL_CMP_MSG* request) {
  auto* transport = static_cast<CmpTransport*>(OSSL_CMP_CTX_get_transfer_cb_arg(context));
  unsigned char* der = nullptr;
  const int size = i2d_OSSL_CMP_MSG(request, &der);
  const auto answer =
      transport->Exchange({reinterpret_cast<char*>(der), static_cast<std::size_t>(size)}, absl::Seconds(20));
  OPENSSL_free(der);
  if (!answer.ok()) return nullptr;
  const auto* at = reinterpret_cast<const unsigned char*>(answer->data());
  return d2i_OSSL_CMP_MSG(nullptr, &at, static_cast<long>(answer->size()));
}

Took Floor(const EnrolScene& scene) {
  const auto recipient = ParseName(scene.ra_name);
  Stopwatch watch;
  TimedTransport transport(HttpTransport::Create(scene.url()).value(), &watch);
  const std::unique_ptr<OSSL_CMP_CTX, decltype(&OSSL_CMP_CTX_free)> owned(OSSL_CMP_CTX_new(nullptr, nullptr),
                                                                          OSSL_CMP_CTX_free);
  OSSL_CMP_CTX* context = owned.get();
  OSSL_CMP_CTX_set_log_cb(context, [](const char*, const char*, int, OSSL_CMP_severity, const char*) { return 1; });
  OSSL_CMP_CTX_set_transfer_cb(context, Transfer);
  OSSL_CMP_CTX_set_transfer_cb_arg(context, static_cast<CmpTransport*>(&transport));
  OSSL_CMP_CTX_set1_recipient(context, recipient.get());
  OSSL_CMP_CTX_set1_cert(context, scene.device.certificate.get());
  OSSL_CMP_CTX_set1_pkey(context, scene.device.key.get());
  const auto untrusted = x2sec::enrol::StackOf({scene.vendor_sub.certificate()});
  OSSL_CMP_CTX_set1_untrusted(context, untrusted.get());
  OSSL_CMP_CTX_set0_trustedStore(context,
                                 x2sec::enrol::TrustStore({scene.operator_root.certificate()}, absl::Now()).release());
  OSSL_CMP_CTX_set0_newPkey(context, 1, EVP_EC_gen("P-256"));
  return OSSL_CMP_exec_certreq(context, OSSL_CMP_IR, nullptr) != nullptr ? TookOf(watch) : Took();
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int Main(bool json) {
  common::ConfigureLog({.least = common::LogLevel::kAlarm, .program = "enrol_bench"});
  std::vector<double> ours;
  std::vector<double> floor;
  for (int round = 0; round < kRounds; ++round) {
    EnrolScene scene;  // The CA's memory does not grow with the rounds.
    std::vector<double> mine;
    std::vector<double> bare;
    std::vector<double> mine_waiting;
    std::vector<double> bare_waiting;
    for (int i = 0; i < kEach; ++i) {
      const Took one = Ours(scene);
      const Took other = Floor(scene);
      if (one.whole < 0 || other.whole < 0) {
        std::cerr << "enrol_bench: " << (one.whole < 0 ? "ours" : "the floor") << " got no certificate\n";
        return 1;
      }
      mine.push_back(one.whole);
      bare.push_back(other.whole);
      mine_waiting.push_back(one.waiting);
      bare_waiting.push_back(other.waiting);
    }
    ours.push_back(Median(mine));
    floor.push_back(Median(bare));
    std::cerr << "enrol-p256 " << round + 1 << "/" << kRounds << ": " << ours.back() << " ms, " << Median(mine_waiting)
              << " of it the RA/CA's; bare " << floor.back() << " ms, " << Median(bare_waiting) << "\n";
  }
  const double ratio = Median(ours) / Median(floor);
  const bool ok = ratio <= kGoal;
  if (json) {
    const nlohmann::ordered_json out = {{"name", "enrol-p256"},
                                        {"ours", Median(ours)},
                                        {"floor", Median(floor)},
                                        {"unit", "ms"},
                                        {"ratio", ratio},
                                        {"goal", kGoal},
                                        {"ok", ok}};
    std::cout << out.dump(2) << "\n";
  } else {
    std::printf("enrol-p256: %.2f ms, bare %.2f ms, ratio %.2f, goal %.2f, %s\n", Median(ours), Median(floor), ratio,
                kGoal, ok ? "ok" : "not reached");
  }
  return ok ? 0 : 1;
}

}  // namespace
}  // namespace henb::tests

int main(int argc, char** argv) {
  const bool json = argc == 2 && std::strcmp(argv[1], "--json") == 0;
  if (argc > 1 && !json) {
    std::cerr << "usage: enrol_bench [--json]\n";
    return 2;
  }
  return henb::tests::Main(json);
}
