#include "stores.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "henb-x2sec/nss/nss_certificate_store.h"
#include "tests/support/fake_certificate_store.h"
#include "tests/support/nss_database.h"
#include "tests/support/soft_token.h"

namespace henb::tests {
namespace {

template <typename T>
StoreUnderTest Of(std::shared_ptr<void> owner, T* store) {
  return {.owner = std::move(owner), .certificates = store, .keys = store, .put = [store](const TestCredential& made) {
            return store->ImportKey(Pkcs8Of(made.key.get()), made.certificate);
          }};
}

StoreUnderTest MakeFake() {
  auto fake = std::make_shared<FakeCertificateStore>();
  return Of(fake, fake.get());
}

StoreUnderTest MakeNss(std::optional<x2sec::nss::TokenSettings> token) {
  struct Owner {
    NssDatabase database;
    std::unique_ptr<x2sec::nss::NssCertificateStore> store;
  };
  auto owner = std::make_shared<Owner>();
  auto opened = x2sec::nss::NssCertificateStore::Open(owner->database.path(), {}, std::move(token));
  EXPECT_TRUE(opened.ok()) << opened.status();
  if (opened.ok()) owner->store = std::move(opened).value();
  return Of(owner, owner->store.get());
}

StoreUnderTest MakeToken() {
  const SoftToken token;
  StoreUnderTest out = MakeNss(token.Settings());
  out.takes_keys = false;
  out.put = [token, store = out.certificates](const TestCredential& made) {
    const auto keys = store->Keys();
    const bool there = keys.ok() && std::any_of(keys->begin(), keys->end(), [&](const auto& key) {
                         return key.certificate.spki() == made.certificate.spki();
                       });
    if (!there) {
      token.Import(made.key.get());
      token.AllowDecrypting(made.key.get());
    }
    return store->ImportCertificate(made.certificate);
  };
  return out;
}

}  // namespace

std::vector<StoreKind> AllStores() {
  return {{"Fake", MakeFake}, {"Nss", [] { return MakeNss(std::nullopt); }}, {"Token", MakeToken}};
}

}  // namespace henb::tests
