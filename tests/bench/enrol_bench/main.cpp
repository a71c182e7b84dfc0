// enrol-p256: from the first octet of ir to the last of pkiConf, P-256 throughout.
//
// Ours: x2secd's enrolment, vendor key and new key in an NSS database, every check made, what must survive a power cut
// on the disk before the CA is told. Floor: the shortest client that libcrypto's CMP allows, its keys in memory, no
// check of its own, against the same RA/CA over the same HTTP. In turns, each with a connection of its own.
//
// enrol-p256-kept: the same beside that client with what a HeNB cannot do without: its keys in the NSS database, and as
// many octets on the disk before the CA is told.
#include <openssl/cmp.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/file.h"
#include "common/log.h"
#include "common/strings.h"
#include "henb-x2sec/device_key/store_backed_key.h"
#include "henb-x2sec/enrol/certificate_check.h"
#include "henb-x2sec/nss/nss_certificate_store.h"
#include "tests/support/certificate_builder.h"
#include "tests/support/nss_database.h"
#include "tests/support/temp_directory.h"
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

Took Ours(EnrolScene& scene, x2sec::core::DeviceKeyStore& store, std::size_t* kept) {
  x2sec::enrol::StoredSigningKey vendor_key(store);
  Stopwatch watch;
  x2sec::enrol::CmpEnroller::Parts parts{store, vendor_key, *scene.clock, scene.state_path()};
  parts.transport = [&](const std::string& url) -> absl::StatusOr<std::unique_ptr<CmpTransport>> {
    return std::make_unique<TimedTransport>(HttpTransport::Create(url).value(), &watch);
  };
  x2sec::enrol::CmpEnroller enroller(std::move(parts));
  const auto enrolled = enroller.Enrol(scene.Request());
  if (!enrolled.ok()) std::cerr << enrolled.status() << "\n";
  if (const auto state = common::ReadFile(scene.state_path()); state.ok()) {
    // Two lines name the certificate: before the CA is told, and after.
    *kept = state->size() / 2;
  }
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

/// The keys of the floor, and what it does before it tells the CA.
struct FloorKeys {
  EVP_PKEY* vendor = nullptr;
  EVP_PKEY* made = nullptr;  ///< Owned by the client from then on.
  std::string keep_path;     ///< Empty: nothing is kept.
  std::string to_keep;
};

int KeepAndAccept(OSSL_CMP_CTX* context, X509* /*certificate*/, int fail_info, const char** /*text*/) {
  const auto* keys = static_cast<const FloorKeys*>(OSSL_CMP_CTX_get_certConf_cb_arg(context));
  return common::AppendDurably(keys->keep_path, keys->to_keep).ok() ? fail_info : 1;
}

Took Floor(const EnrolScene& scene, FloorKeys keys) {
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
  OSSL_CMP_CTX_set1_pkey(context, keys.vendor);
  const auto untrusted = x2sec::enrol::StackOf({scene.vendor_sub.certificate()});
  OSSL_CMP_CTX_set1_untrusted(context, untrusted.get());
  OSSL_CMP_CTX_set0_trustedStore(context,
                                 x2sec::enrol::TrustStore({scene.operator_root.certificate()}, absl::Now()).release());
  OSSL_CMP_CTX_set0_newPkey(context, 1, keys.made);
  if (!keys.keep_path.empty()) {
    OSSL_CMP_CTX_set_certConf_cb(context, KeepAndAccept);
    OSSL_CMP_CTX_set_certConf_cb_arg(context, &keys);
  }
  return OSSL_CMP_exec_certreq(context, OSSL_CMP_IR, nullptr) != nullptr ? TookOf(watch) : Took();
}

Took BareFloor(const EnrolScene& scene) {
  return Floor(scene, {.vendor = scene.device.key.get(), .made = EVP_EC_gen("P-256"), .keep_path = "", .to_keep = ""});
}

Took KeepingFloor(const EnrolScene& scene, x2sec::core::DeviceKeyStore& store, const std::string& path,
                  std::size_t octets) {
  const auto vendor = x2sec::enrol::StoredSigningKey(store).For(scene.device.certificate);
  const auto ckaid = store.GenerateKey();
  if (!vendor.ok() || !ckaid.ok()) return {};
  auto made = x2sec::device_key::MakeStoreBackedKey(store, *ckaid);
  if (!made.ok()) return {};
  EVP_PKEY_up_ref(made->get());
  const Took took = Floor(
      scene, {.vendor = vendor->get(), .made = made->get(), .keep_path = path, .to_keep = std::string(octets, 'x')});
  return store.DeleteKey(*ckaid).ok() ? took : Took();
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Of one of the three: the medians of the rounds, and of the round that runs.
struct Series {
  std::vector<double> whole;
  std::vector<double> waiting;
  std::vector<double> rounds;
  void Add(const Took& took) {
    whole.push_back(took.whole);
    waiting.push_back(took.waiting);
  }
  std::string EndRound() {
    rounds.push_back(Median(std::exchange(whole, {})));
    return common::StrCat(rounds.back(), " ms, ", Median(std::exchange(waiting, {})), " of it the RA/CA's");
  }
};

nlohmann::ordered_json Row(const std::string& name, const Series& ours, const Series& floor) {
  const double ratio = Median(ours.rounds) / Median(floor.rounds);
  return {
      {"name", name},  {"ours", Median(ours.rounds)}, {"floor", Median(floor.rounds)}, {"unit", "ms"}, {"ratio", ratio},
      {"goal", kGoal}, {"ok", ratio <= kGoal}};
}

int Main(bool json) {
  common::ConfigureLog({.least = common::LogLevel::kAlarm, .program = "enrol_bench"});
  Series ours;
  Series bare;
  Series keeping;
  for (int round = 0; round < kRounds; ++round) {
    EnrolScene scene;  // The CA's memory does not grow with the rounds.
    // Made before the clock runs: what it takes (a certutil) would leave cold caches to ours alone.
    const NssDatabase database;
    const TempDirectory directory;
    const auto store = x2sec::nss::NssCertificateStore::Open(database.path()).value();
    if (!store->ImportKey(Pkcs8Of(scene.device.key.get()), scene.device.certificate).ok()) return 1;
    if (!common::WriteFileAtomically(directory.File("kept"), "").ok()) return 1;
    for (int i = 0; i < kEach; ++i) {
      std::size_t kept = 0;
      const Took one = Ours(scene, *store, &kept);
      const Took other = BareFloor(scene);
      const Took third = KeepingFloor(scene, *store, directory.File("kept"), kept);
      if (one.whole < 0 || other.whole < 0 || third.whole < 0) {
        std::cerr << "enrol_bench: " << (one.whole < 0 ? "ours" : "a floor") << " got no certificate\n";
        return 1;
      }
      ours.Add(one);
      bare.Add(other);
      keeping.Add(third);
    }
    std::cerr << "enrol-p256 " << round + 1 << "/" << kRounds << ": " << ours.EndRound() << "; bare " << bare.EndRound()
              << "; keeping " << keeping.EndRound() << "\n";
  }
  const nlohmann::ordered_json rows = {Row("enrol-p256", ours, bare), Row("enrol-p256-kept", ours, keeping)};
  if (json) std::cout << rows.dump(2) << "\n";
  for (const auto& row : rows) {
    if (!json) {
      std::printf("%s: %.2f ms, floor %.2f ms, ratio %.2f, goal %.2f, %s\n", row["name"].get<std::string>().c_str(),
                  row["ours"].get<double>(), row["floor"].get<double>(), row["ratio"].get<double>(), kGoal,
                  row["ok"].get<bool>() ? "ok" : "not reached");
    }
  }
  return rows[0]["ok"].get<bool>() && rows[1]["ok"].get<bool>() ? 0 : 1;
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
