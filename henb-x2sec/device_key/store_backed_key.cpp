// OpenSSL 3 has no other way than its key methods, deprecated in favour of providers, to have one key work elsewhere.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "henb-x2sec/device_key/store_backed_key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <optional>

#include "common/log.h"
#include "common/status.h"

namespace henb::x2sec::device_key {
namespace {

/// Hangs on the EC_KEY or RSA object, freed with it.
struct KeyInStore {
  core::KeyOperations* store;
  std::string ckaid;
};

void FreeKeyInStore(void* /*parent*/, void* pointer, CRYPTO_EX_DATA* /*data*/, int /*index*/, long /*argl*/,
                    void* /*argp*/) {
  delete static_cast<KeyInStore*>(pointer);
}

int EcIndex() {
  static const int kIndex = EC_KEY_get_ex_new_index(0, nullptr, nullptr, nullptr, FreeKeyInStore);
  return kIndex;
}

int RsaIndex() {
  static const int kIndex = RSA_get_ex_new_index(0, nullptr, nullptr, nullptr, FreeKeyInStore);
  return kIndex;
}

std::optional<core::SignedDigest> DigestOfLength(std::size_t size) {
  switch (size) {
    case 32:
      return core::SignedDigest::kSha256;
    case 48:
      return core::SignedDigest::kSha384;
    case 64:
      return core::SignedDigest::kSha512;
    default:
      return std::nullopt;
  }
}

void Refused(const KeyInStore& key, const absl::Status& why) {
  common::LogWarning("credentials.key_store_refused", {{"ckaid", key.ckaid}, {"error", why}});
}

/// 1 when signed, as OpenSSL's methods answer.
int SignInStore(const KeyInStore* key, const unsigned char* digest, std::size_t digest_size, std::size_t room,
                unsigned char* signature, unsigned int* signature_size) {
  const std::optional<core::SignedDigest> kind = DigestOfLength(digest_size);
  if (key == nullptr || !kind.has_value()) return 0;
  const absl::StatusOr<std::string> made =
      key->store->Sign(key->ckaid, *kind, {reinterpret_cast<const char*>(digest), digest_size});
  if (!made.ok() || made->size() > room) {
    Refused(*key, made.status());
    return 0;
  }
  std::copy(made->begin(), made->end(), signature);
  *signature_size = static_cast<unsigned int>(made->size());
  return 1;
}

int SignEc(int /*type*/, const unsigned char* digest, int digest_size, unsigned char* signature,
           unsigned int* signature_size, const BIGNUM* /*kinv*/, const BIGNUM* /*r*/, EC_KEY* key) {
  return SignInStore(static_cast<KeyInStore*>(EC_KEY_get_ex_data(key, EcIndex())), digest,
                     static_cast<std::size_t>(digest_size), static_cast<std::size_t>(ECDSA_size(key)), signature,
                     signature_size);
}

int SignRsa(int /*type*/, const unsigned char* digest, unsigned int digest_size, unsigned char* signature,
            unsigned int* signature_size, const RSA* key) {
  return SignInStore(static_cast<KeyInStore*>(RSA_get_ex_data(key, RsaIndex())), digest, digest_size,
                     static_cast<std::size_t>(RSA_size(key)), signature, signature_size);
}

/// The size of what was made, or -1, as OpenSSL's methods answer. Padding is OpenSSL's business: what it asks for is
/// the bare operation, for RSASSA-PSS and RSAES-OAEP. With RSAES-PKCS1-v1_5 it would say more than it should.
int RsaInStore(const KeyInStore* key, core::RsaUse use, const unsigned char* block, int size, unsigned char* out,
               int padding) {
  if (key == nullptr || padding != RSA_NO_PADDING) return -1;
  const absl::StatusOr<common::SecretBytes> made =
      key->store->RsaPrivate(key->ckaid, use, {reinterpret_cast<const char*>(block), static_cast<std::size_t>(size)});
  if (!made.ok() || made->size() != static_cast<std::size_t>(size)) {
    Refused(*key, made.status());
    return -1;
  }
  std::copy_n(made->data(), made->size(), out);
  return size;
}

int RsaForSigning(int size, const unsigned char* block, unsigned char* out, RSA* key, int padding) {
  const auto* kept = static_cast<KeyInStore*>(RSA_get_ex_data(key, RsaIndex()));
  return RsaInStore(kept, core::RsaUse::kSign, block, size, out, padding);
}

int RsaForDecrypting(int size, const unsigned char* block, unsigned char* out, RSA* key, int padding) {
  const auto* kept = static_cast<KeyInStore*>(RSA_get_ex_data(key, RsaIndex()));
  return RsaInStore(kept, core::RsaUse::kDecrypt, block, size, out, padding);
}

/// 1 when agreed; the secret is OpenSSL's to wipe then.
int AgreeEc(unsigned char** secret, std::size_t* secret_size, const EC_POINT* point, const EC_KEY* key) {
  const auto* kept = static_cast<KeyInStore*>(EC_KEY_get_ex_data(key, EcIndex()));
  unsigned char encoded[2 * 66 + 1];
  const std::size_t size = EC_POINT_point2oct(EC_KEY_get0_group(key), point, POINT_CONVERSION_UNCOMPRESSED, encoded,
                                              sizeof encoded, nullptr);
  if (kept == nullptr || size == 0) return 0;
  const absl::StatusOr<common::SecretBytes> made =
      kept->store->Agree(kept->ckaid, {reinterpret_cast<const char*>(encoded), size});
  if (!made.ok() || made->empty()) {
    Refused(*kept, made.status());
    return 0;
  }
  *secret = static_cast<unsigned char*>(OPENSSL_memdup(made->data(), made->size()));
  *secret_size = made->size();
  return *secret == nullptr ? 0 : 1;
}

EC_KEY_METHOD* EcMethod() {
  static EC_KEY_METHOD* const kMethod = [] {
    EC_KEY_METHOD* made = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
    EC_KEY_METHOD_set_sign(made, SignEc, nullptr, nullptr);
    EC_KEY_METHOD_set_compute_key(made, AgreeEc);
    return made;
  }();
  return kMethod;
}

RSA_METHOD* RsaMethod() {
  static RSA_METHOD* const kMethod = [] {
    RSA_METHOD* made = RSA_meth_dup(RSA_get_default_method());
    RSA_meth_set1_name(made, "x2sec key store");
    RSA_meth_set_flags(made, RSA_FLAG_EXT_PKEY);
    RSA_meth_set_sign(made, SignRsa);
    RSA_meth_set_priv_enc(made, RsaForSigning);
    RSA_meth_set_priv_dec(made, RsaForDecrypting);
    return made;
  }();
  return kMethod;
}

bool AttachEc(EVP_PKEY* public_key, EVP_PKEY* out, std::unique_ptr<KeyInStore> key) {
  EC_KEY* ec = EVP_PKEY_get1_EC_KEY(public_key);
  const std::unique_ptr<EC_KEY, decltype(&EC_KEY_free)> owned(ec == nullptr ? nullptr : EC_KEY_dup(ec), EC_KEY_free);
  EC_KEY_free(ec);
  if (owned == nullptr || EC_KEY_set_method(owned.get(), EcMethod()) != 1) return false;
  if (EC_KEY_set_ex_data(owned.get(), EcIndex(), key.get()) != 1) return false;
  (void)key.release();
  return EVP_PKEY_set1_EC_KEY(out, owned.get()) == 1;
}

bool AttachRsa(EVP_PKEY* public_key, EVP_PKEY* out, std::unique_ptr<KeyInStore> key) {
  RSA* rsa = EVP_PKEY_get1_RSA(public_key);
  const std::unique_ptr<RSA, decltype(&RSA_free)> owned(rsa == nullptr ? nullptr : RSAPublicKey_dup(rsa), RSA_free);
  RSA_free(rsa);
  if (owned == nullptr || RSA_set_method(owned.get(), RsaMethod()) != 1) return false;
  if (RSA_set_ex_data(owned.get(), RsaIndex(), key.get()) != 1) return false;
  (void)key.release();
  return EVP_PKEY_set1_RSA(out, owned.get()) == 1;
}

}  // namespace

absl::StatusOr<EvpKey> MakeStoreBackedKey(core::KeyOperations& store, const std::string& ckaid) {
  ASSIGN_OR_RETURN(const std::string spki, store.PublicKey(ckaid));
  const auto* at = reinterpret_cast<const unsigned char*>(spki.data());
  const EvpKey public_key(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size())), EVP_PKEY_free);
  if (public_key == nullptr) {
    return absl::InvalidArgumentError(common::StrCat("key ", ckaid, " can't be read: ", common::DrainOpensslErrors()));
  }
  EvpKey out(EVP_PKEY_new(), EVP_PKEY_free);
  auto key = std::make_unique<KeyInStore>(KeyInStore{&store, ckaid});
  bool attached = false;
  if (EVP_PKEY_is_a(public_key.get(), "EC") == 1) {
    attached = AttachEc(public_key.get(), out.get(), std::move(key));
  } else if (EVP_PKEY_is_a(public_key.get(), "RSA") == 1) {
    attached = AttachRsa(public_key.get(), out.get(), std::move(key));
  }
  if (!attached) {
    return absl::InvalidArgumentError(
        common::StrCat("key ", ckaid, " is neither EC nor RSA, or OpenSSL refused it: ", common::DrainOpensslErrors()));
  }
  return out;
}

absl::StatusOr<std::string> CkaidOf(const common::Certificate& certificate) {
  EVP_PKEY* key = X509_get0_pubkey(certificate.get());
  unsigned char value[2048];
  std::size_t size = 0;
  if (key != nullptr && EVP_PKEY_is_a(key, "RSA") == 1) {
    BIGNUM* modulus = nullptr;
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus) == 1 &&
        BN_num_bytes(modulus) <= int{sizeof value}) {
      size = static_cast<std::size_t>(BN_bn2bin(modulus, value));
    }
    BN_free(modulus);
  } else if (key != nullptr && EVP_PKEY_is_a(key, "EC") == 1) {
    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, value, sizeof value, &size) != 1) size = 0;
  }
  if (size == 0)
    return absl::InvalidArgumentError(common::StrCat("the key of ", certificate.subject(), " is neither EC nor RSA"));
  std::string hash(SHA_DIGEST_LENGTH, '\0');
  SHA1(value, size, reinterpret_cast<unsigned char*>(hash.data()));
  return common::ToHex(hash);
}

}  // namespace henb::x2sec::device_key
