// OpenSSL's objects as owning pointers. For the sources of this module.
#pragma once

#include <openssl/bio.h>
#include <openssl/cmp.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <vector>

#include "common/certificate.h"

namespace henb::x2sec::enrol {

struct OpensslDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509_NAME* name) const { X509_NAME_free(name); }
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  void operator()(X509_STORE_CTX* context) const { X509_STORE_CTX_free(context); }
  void operator()(GENERAL_NAME* name) const { GENERAL_NAME_free(name); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
  void operator()(BIO* bio) const { BIO_free_all(bio); }
  void operator()(OSSL_CMP_CTX* context) const { OSSL_CMP_CTX_free(context); }
  void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
};

template <typename T>
using OpensslPtr = std::unique_ptr<T, OpensslDeleter>;

/// A private key, maybe one that lives elsewhere (store_backed_key.h).
using EvpKey = std::shared_ptr<EVP_PKEY>;

[[nodiscard]] inline OpensslPtr<STACK_OF(X509)> StackOf(const std::vector<common::Certificate>& certificates) {
  OpensslPtr<STACK_OF(X509)> out(sk_X509_new_null());
  for (const common::Certificate& each : certificates) {
    X509_up_ref(each.get());
    sk_X509_push(out.get(), each.get());
  }
  return out;
}

}  // namespace henb::x2sec::enrol
