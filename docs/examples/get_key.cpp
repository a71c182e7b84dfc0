// A pair key from the key service: get_key ADDRESS SERVER_NAME OPERATOR_ROOT CERTIFICATE KEY PEER
#include <cstdio>

#include "common/file.h"
#include "henb-x2sec/keydist_client/key_service_client.h"

using namespace henb;  // NOLINT(google-build-using-namespace)

int main(int, char** argv) {
  common::SystemRandom random;
  x2sec::keydist_client::ClientOptions options;
  options.address = argv[1];
  options.server_name = argv[2];
  options.operator_root_pem = *common::ReadFile(argv[3]);
  x2sec::keydist_client::KeyServiceClient service(
      options, {*common::ReadFile(argv[4]), *common::ReadSecretFile(argv[5])}, random);
  const auto known = service.Register({});
  const auto results = service.GetPairKeys({*common::HenbId::Parse(argv[6])});
  if (!known.ok() || !results.ok()) return 1;
  std::printf("known as %s\n", known->henb_id.c_str());
  const auto* keys = std::get_if<x2sec::core::PairKeys>(&results->at(0).result);
  if (keys == nullptr) return std::puts("denied"), 5;
  // keys->current.key is the secret: 32 octets in memory that is zeroised.
  std::printf("%s: epoch %llu, %zu octets\n", argv[6], static_cast<unsigned long long>(keys->current.epoch),
              keys->current.key.size());
}
