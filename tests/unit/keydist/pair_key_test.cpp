#include "keydist-server/domain/pair_key.h"

#include <cryptopp/hkdf.h>
#include <cryptopp/sha.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "common/random.h"
#include "common/strings.h"

namespace henb::keydist::domain {
namespace {

common::SecretBytes Root(std::uint8_t first) {
  common::SecretBytes root(kRootSize);
  for (std::size_t i = 0; i < root.size(); ++i) root.data()[i] = static_cast<std::uint8_t>(first + i);
  return root;
}

std::string KeyHex(const EpochKeys& keys, KeyEnd one, KeyEnd other, Purpose purpose) {
  std::array<std::uint8_t, kPairKeySize> key;
  keys.Derive(one, other, purpose, key);
  return common::ToHex({reinterpret_cast<const char*>(key.data()), key.size()});
}

TEST(PairKey, R45MatchesTheGoldenVectors) {
  std::ifstream file(X2_SOURCE_DIR "/docs/golden/pair-key.json");
  const auto vectors = nlohmann::json::parse(file);
  ASSERT_GE(vectors.size(), 9U);
  EXPECT_EQ(vectors[0]["key"], "097c1088dd4b861f456afbc87975d2e643b002c72bb7e99b384a5a036e3f5e6a");
  for (const auto& v : vectors) {
    const auto root = common::SecretBytes::CopyOf(*common::FromHex(v["ikm"].get<std::string>()));
    const auto keys = *EpochKeys::FromRoot(v["epoch"].get<std::uint64_t>(), root);
    const std::string lower = v["lower"];
    const std::string higher = v["higher"];
    const KeyEnd low{lower, v["generation_lower"]};
    const KeyEnd high{higher, v["generation_higher"]};
    const auto purpose = static_cast<Purpose>(v["purpose"].get<int>());
    EXPECT_EQ(KeyHex(*keys, low, high, purpose), v["key"]) << v.dump();
    EXPECT_EQ(KeyHex(*keys, high, low, purpose), v["key"]) << "the order of the ends must not matter";
  }
}

TEST(PairKey, MatchesTheLibrarysOwnHkdf) {
  common::FakeRandom random(7);
  const std::string salt = "henb-x2sec/pair-key/v1";
  for (int i = 0; i < 200; ++i) {
    common::SecretBytes root(kRootSize);
    random.Fill({root.data(), root.size()});
    const std::string lower(1 + random.Below(200), 'a');
    const std::string higher(1 + random.Below(200), 'b');
    const std::uint64_t epoch = random.Below(UINT64_MAX);
    const auto generation = static_cast<std::uint32_t>(random.Below(UINT32_MAX));
    std::string info;
    const auto put = [&](std::uint64_t value, int octets) {
      for (int shift = 8 * (octets - 1); shift >= 0; shift -= 8) info.push_back(static_cast<char>(value >> shift));
    };
    put(lower.size(), 2);
    info += lower;
    put(higher.size(), 2);
    info += higher;
    put(epoch, 8);
    put(generation, 4);
    put(5, 4);
    put(1, 1);
    std::string expected(32, '\0');
    const auto bytes = [](const std::string& s) { return reinterpret_cast<const CryptoPP::byte*>(s.data()); };
    CryptoPP::HKDF<CryptoPP::SHA256>().DeriveKey(reinterpret_cast<CryptoPP::byte*>(expected.data()), 32, root.data(),
                                                 32, bytes(salt), salt.size(), bytes(info), info.size());
    const auto keys = *EpochKeys::FromRoot(epoch, root);
    EXPECT_EQ(KeyHex(*keys, {lower, generation}, {higher, 5}, Purpose::kIkePsk), common::ToHex(expected));
  }
}

TEST(PairKey, EveryInputChangesTheKey) {
  std::set<std::string> seen;
  for (const std::uint8_t root : {0, 1}) {
    for (const std::uint64_t epoch : {1, 2}) {
      const auto keys = *EpochKeys::FromRoot(epoch, Root(root));
      for (const std::uint32_t one : {1U, 2U}) {
        for (const std::uint32_t other : {1U, 2U}) {
          for (const Purpose purpose : {Purpose::kIkePsk, Purpose::kPpk}) {
            seen.insert(KeyHex(*keys, {"a", one}, {"b", other}, purpose));
            seen.insert(KeyHex(*keys, {"a", one}, {"c", other}, purpose));
          }
        }
      }
    }
  }
  EXPECT_EQ(seen.size(), 64U);
}

TEST(PairKey, RefusesARootOfAnotherSize) {
  EXPECT_FALSE(EpochKeys::FromRoot(1, common::SecretBytes(31)).ok());
  EXPECT_FALSE(EpochKeys::FromRoot(1, common::SecretBytes()).ok());
}

}  // namespace
}  // namespace henb::keydist::domain
