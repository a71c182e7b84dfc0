// A KEK whose octets this program holds.
#pragma once

#include <memory>

#include "keydist-server/domain/kek.h"

namespace henb::keydist::domain {

/// Owns the key. Immutable.
class SoftwareKek final : public Kek {
 public:
  /// InvalidArgument unless `key` has kKekSize octets.
  [[nodiscard]] static absl::StatusOr<std::shared_ptr<SoftwareKek>> Make(common::SecretBytes key, std::string place);

  const std::string& id() const override { return id_; }
  const std::string& place() const override { return place_; }
  absl::StatusOr<std::string> Encrypt(const SealNonce& nonce, std::string_view additional,
                                      const common::SecretBytes& plain) override;
  absl::StatusOr<common::SecretBytes> Decrypt(const SealNonce& nonce, std::string_view additional,
                                              std::string_view sealed) override;

 private:
  SoftwareKek(common::SecretBytes key, std::string id, std::string place)
      : key_(std::move(key)), id_(std::move(id)), place_(std::move(place)) {}
  common::SecretBytes key_;
  std::string id_;
  std::string place_;
};

}  // namespace henb::keydist::domain
