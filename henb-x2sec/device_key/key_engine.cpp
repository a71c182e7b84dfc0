// gRPC 1.51 knows no other way to a private key that is not in a file than OpenSSL's engines, deprecated as they are.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "henb-x2sec/device_key/key_engine.h"

#include <openssl/engine.h>

#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <type_traits>
#include <vector>

#include "common/log.h"
#include "common/status.h"
#include "henb-x2sec/device_key/store_backed_key.h"

namespace henb::x2sec::device_key {

/// Between keys that OpenSSL holds for as long as it likes and a store that goes.
struct KeyEngine::Gate final : public core::KeyOperations {
  explicit Gate(core::KeyOperations& behind) : store(&behind) {}

  template <typename Call>
  auto Through(const Call& call) -> std::invoke_result_t<Call, core::KeyOperations&> {
    const std::shared_lock lock(mutex);
    if (store == nullptr) return absl::UnavailableError("the key store is closed");
    return call(*store);
  }
  absl::StatusOr<std::string> PublicKey(const std::string& ckaid) override {
    return Through([&](core::KeyOperations& keys) { return keys.PublicKey(ckaid); });
  }
  absl::StatusOr<std::string> Sign(const std::string& ckaid, core::SignedDigest digest,
                                   std::string_view digest_bytes) override {
    return Through([&](core::KeyOperations& keys) { return keys.Sign(ckaid, digest, digest_bytes); });
  }
  absl::StatusOr<common::SecretBytes> RsaPrivate(const std::string& ckaid, core::RsaUse use,
                                                 std::string_view block) override {
    return Through([&](core::KeyOperations& keys) { return keys.RsaPrivate(ckaid, use, block); });
  }
  absl::StatusOr<common::SecretBytes> Agree(const std::string& ckaid, std::string_view point) override {
    return Through([&](core::KeyOperations& keys) { return keys.Agree(ckaid, point); });
  }

  std::shared_mutex mutex;
  core::KeyOperations* store;
  std::string id;  ///< OpenSSL keeps the pointer to its text.
  ENGINE* engine = nullptr;
};

namespace {

/// All that were ever made: OpenSSL and gRPC may hold a key of one for longer than its KeyEngine lives.
void KeepForEver(core::KeyOperations* gate) {
  static std::mutex mutex;
  static auto& gates = *new std::vector<core::KeyOperations*>;
  const std::lock_guard lock(mutex);
  gates.push_back(gate);
}

int GateIndex() {
  static const int kIndex = ENGINE_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return kIndex;
}

EVP_PKEY* LoadKey(ENGINE* engine, const char* ckaid, UI_METHOD* /*ui*/, void* /*data*/) {
  auto* gate = static_cast<core::KeyOperations*>(ENGINE_get_ex_data(engine, GateIndex()));
  if (gate == nullptr) return nullptr;
  const absl::StatusOr<EvpKey> key = MakeStoreBackedKey(*gate, ckaid);
  if (!key.ok()) {
    common::LogWarning("credentials.key_not_usable", {{"ckaid", ckaid}, {"error", key.status()}});
    return nullptr;
  }
  EVP_PKEY_up_ref(key->get());
  return key->get();
}

}  // namespace

KeyEngine::KeyEngine(core::KeyOperations& store) : gate_(new Gate(store)) {
  KeepForEver(gate_);
  static std::atomic<int> made{0};
  gate_->id = common::StrCat("x2sec-keys-", made.fetch_add(1));
  gate_->engine = ENGINE_new();
  // Nothing but private keys: with a method of its own it would take the place of OpenSSL's for everybody, since gRPC
  // makes it the default for all it has.
  ENGINE_set_id(gate_->engine, gate_->id.c_str());
  ENGINE_set_name(gate_->engine, "keys of the HeNB");
  ENGINE_set_load_privkey_function(gate_->engine, LoadKey);
  ENGINE_set_ex_data(gate_->engine, GateIndex(), static_cast<core::KeyOperations*>(gate_));
  ENGINE_add(gate_->engine);
}

KeyEngine::~KeyEngine() {
  const std::unique_lock lock(gate_->mutex);
  gate_->store = nullptr;
  ENGINE_remove(gate_->engine);
}

std::string KeyEngine::NameOf(const std::string& ckaid) const {
  return common::StrCat("engine:", gate_->id, ":", ckaid);
}

}  // namespace henb::x2sec::device_key
