#include "tests/support/fake_certificate_store.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include <algorithm>

#include "common/status.h"

namespace henb::tests {

absl::StatusOr<bool> FakeCertificateStore::ImportRoot(const common::Certificate& root) {
  const std::lock_guard lock(mutex_);
  if (X509_check_ca(root.get()) == 0) return absl::InvalidArgumentError("not a CA's certificate");
  return AddOnce(&roots_, root);
}

absl::Status FakeCertificateStore::ImportIntermediate(const common::Certificate& certificate) {
  const std::lock_guard lock(mutex_);
  if (X509_check_ca(certificate.get()) == 0) return absl::InvalidArgumentError("not a CA's certificate");
  AddOnce(&intermediates_, certificate);
  return absl::OkStatus();
}

absl::StatusOr<bool> FakeCertificateStore::RemoveIntermediate(const common::Certificate& certificate) {
  const std::lock_guard lock(mutex_);
  const auto same = [&](const common::Certificate& each) { return each.der() == certificate.der(); };
  if (std::any_of(roots_.begin(), roots_.end(), same)) return absl::FailedPreconditionError("it is trusted");
  return std::erase_if(intermediates_, same) > 0;
}

absl::StatusOr<std::string> FakeCertificateStore::ImportKey(const common::SecretBytes& pkcs8,
                                                            const common::Certificate& certificate) {
  const std::lock_guard lock(mutex_);
  const unsigned char* at = pkcs8.data();
  OpensslPtr<EVP_PKEY> key(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(pkcs8.size())));
  if (key == nullptr) return absl::InvalidArgumentError("the private key is not PKCS#8 DER");
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return absl::InvalidArgumentError("the private key is not that of the certificate");
  }
  const std::string ckaid = CkaidOf(key.get());
  keys_.try_emplace(ckaid, std::move(key));
  AddOnce(&certificates_, certificate);
  return ckaid;
}

absl::StatusOr<std::vector<x2sec::core::StoredKey>> FakeCertificateStore::Keys() {
  const std::lock_guard lock(mutex_);
  std::vector<x2sec::core::StoredKey> out;
  for (const common::Certificate& each : certificates_) {
    const std::string ckaid = CkaidOf(X509_get0_pubkey(each.get()));
    if (keys_.contains(ckaid)) out.push_back({ckaid, each});
  }
  return out;
}

absl::StatusOr<std::vector<common::Certificate>> FakeCertificateStore::Roots() {
  const std::lock_guard lock(mutex_);
  return roots_;
}

absl::Status FakeCertificateStore::DeleteKey(const std::string& ckaid) {
  const std::lock_guard lock(mutex_);
  keys_.erase(ckaid);
  std::erase_if(certificates_, [&](const auto& each) { return CkaidOf(X509_get0_pubkey(each.get())) == ckaid; });
  return absl::OkStatus();
}

absl::StatusOr<std::string> FakeCertificateStore::GenerateKey() {
  const std::lock_guard lock(mutex_);
  OpensslPtr<EVP_PKEY> key(EVP_EC_gen("P-256"));
  const std::string ckaid = CkaidOf(key.get());
  keys_.try_emplace(ckaid, std::move(key));
  return ckaid;
}

absl::StatusOr<std::string> FakeCertificateStore::PublicKey(const std::string& ckaid) {
  const std::lock_guard lock(mutex_);
  const auto it = keys_.find(ckaid);
  if (it == keys_.end()) return absl::NotFoundError("no such key");
  return SpkiOf(it->second.get());
}

absl::StatusOr<std::string> FakeCertificateStore::Sign(const std::string& ckaid, x2sec::core::SignedDigest digest,
                                                       std::string_view digest_bytes) {
  const std::lock_guard lock(mutex_);
  const auto it = keys_.find(ckaid);
  if (it == keys_.end()) return absl::NotFoundError("no such key");
  using enum x2sec::core::SignedDigest;
  const EVP_MD* md = digest == kSha256 ? EVP_sha256() : digest == kSha384 ? EVP_sha384() : EVP_sha512();
  if (digest_bytes.size() != static_cast<std::size_t>(EVP_MD_get_size(md))) {
    return absl::InvalidArgumentError("a digest of the wrong length");
  }
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> ctx(EVP_PKEY_CTX_new(it->second.get(), nullptr),
                                                                        EVP_PKEY_CTX_free);
  std::string out(1024, '\0');
  std::size_t size = out.size();
  if (EVP_PKEY_sign_init(ctx.get()) != 1 || EVP_PKEY_CTX_set_signature_md(ctx.get(), md) != 1 ||
      EVP_PKEY_sign(ctx.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                    reinterpret_cast<const unsigned char*>(digest_bytes.data()), digest_bytes.size()) != 1) {
    return absl::InternalError("signing");
  }
  out.resize(size);
  return out;
}

absl::StatusOr<common::SecretBytes> FakeCertificateStore::RsaPrivate(const std::string& ckaid,
                                                                     x2sec::core::RsaUse /*use*/,
                                                                     std::string_view block) {
  const std::lock_guard lock(mutex_);
  const auto it = keys_.find(ckaid);
  if (it == keys_.end()) return absl::NotFoundError("no such key");
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> ctx(EVP_PKEY_CTX_new(it->second.get(), nullptr),
                                                                        EVP_PKEY_CTX_free);
  common::SecretBytes out(static_cast<std::size_t>(EVP_PKEY_get_size(it->second.get())));
  std::size_t size = out.size();
  if (EVP_PKEY_is_a(it->second.get(), "RSA") != 1 || block.size() != size || EVP_PKEY_decrypt_init(ctx.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_NO_PADDING) != 1) {
    return absl::InvalidArgumentError("no RSA key, or a block of another length");
  }
  if (EVP_PKEY_decrypt(ctx.get(), out.data(), &size, reinterpret_cast<const unsigned char*>(block.data()),
                       block.size()) != 1) {
    return absl::InternalError("RSA");
  }
  return out;
}

absl::StatusOr<common::SecretBytes> FakeCertificateStore::Agree(const std::string& ckaid, std::string_view point) {
  const std::lock_guard lock(mutex_);
  const auto it = keys_.find(ckaid);
  if (it == keys_.end()) return absl::NotFoundError("no such key");
  const OpensslPtr<EVP_PKEY> other(EVP_PKEY_new());
  if (EVP_PKEY_is_a(it->second.get(), "EC") != 1 || EVP_PKEY_copy_parameters(other.get(), it->second.get()) != 1 ||
      EVP_PKEY_set1_encoded_public_key(other.get(), reinterpret_cast<const unsigned char*>(point.data()),
                                       point.size()) != 1) {
    return absl::InvalidArgumentError("no EC key, or no point of its curve");
  }
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> ctx(EVP_PKEY_CTX_new(it->second.get(), nullptr),
                                                                        EVP_PKEY_CTX_free);
  common::SecretBytes out(66);
  std::size_t size = out.size();
  if (EVP_PKEY_derive_init(ctx.get()) != 1 || EVP_PKEY_derive_set_peer(ctx.get(), other.get()) != 1 ||
      EVP_PKEY_derive(ctx.get(), out.data(), &size) != 1) {
    return absl::InternalError("ECDH");
  }
  return common::SecretBytes::CopyOf(out.view().substr(0, size));
}

absl::StatusOr<std::string> FakeCertificateStore::ImportCertificate(const common::Certificate& certificate) {
  const std::lock_guard lock(mutex_);
  std::string ckaid = CkaidOf(X509_get0_pubkey(certificate.get()));
  if (!keys_.contains(ckaid)) return absl::NotFoundError("the certificate's key is not here");
  AddOnce(&certificates_, certificate);
  return ckaid;
}

absl::StatusOr<bool> FakeCertificateStore::HasCertificate(const common::Certificate& certificate) {
  const std::lock_guard lock(mutex_);
  return std::any_of(certificates_.begin(), certificates_.end(),
                     [&](const auto& each) { return each.der() == certificate.der(); });
}

absl::StatusOr<std::set<std::string>> FakeCertificateStore::KeysWithoutCertificate() {
  const std::lock_guard lock(mutex_);
  std::set<std::string> out;
  for (const auto& [ckaid, key] : keys_) out.insert(ckaid);
  for (const common::Certificate& each : certificates_) out.erase(CkaidOf(X509_get0_pubkey(each.get())));
  return out;
}

std::string FakeCertificateStore::CkaidOf(EVP_PKEY* key) {
  std::string value(1024, '\0');
  std::size_t size = 0;
  if (EVP_PKEY_is_a(key, "RSA") == 1) {
    BIGNUM* modulus = nullptr;
    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus);
    const OpensslPtr<BIGNUM> owned(modulus);
    size = static_cast<std::size_t>(BN_bn2bin(modulus, reinterpret_cast<unsigned char*>(value.data())));
  } else {
    EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, reinterpret_cast<unsigned char*>(value.data()),
                                    value.size(), &size);
  }
  std::string hash(SHA_DIGEST_LENGTH, '\0');
  SHA1(reinterpret_cast<const unsigned char*>(value.data()), size, reinterpret_cast<unsigned char*>(hash.data()));
  return common::ToHex(hash);
}

std::string FakeCertificateStore::SpkiOf(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(std::max(size, 0)));
  OPENSSL_free(der);
  return out;
}

bool FakeCertificateStore::AddOnce(std::vector<common::Certificate>* list, const common::Certificate& certificate) {
  const bool there =
      std::any_of(list->begin(), list->end(), [&](const auto& each) { return each.der() == certificate.der(); });
  if (!there) list->push_back(certificate);
  return !there;
}

}  // namespace henb::tests
