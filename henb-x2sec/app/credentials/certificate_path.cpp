#include "henb-x2sec/app/credentials/certificate_path.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <memory>

#include "common/status.h"

namespace henb::x2sec::app {
namespace {

using StorePtr = std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)>;
using ContextPtr = std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)>;
using StackPtr = std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)>;

constexpr int kSecurityLevel = 2;  // 112 bits: RSA of 2048, no SHA-1.

}  // namespace

absl::StatusOr<CertificatePath> FindPath(const common::Certificate& leaf,
                                         const std::vector<common::Certificate>& untrusted,
                                         const std::vector<common::Certificate>& roots) {
  const StorePtr store(X509_STORE_new(), X509_STORE_free);
  const ContextPtr context(X509_STORE_CTX_new(), X509_STORE_CTX_free);
  const StackPtr stack(sk_X509_new_null(), [](STACK_OF(X509) * s) { sk_X509_free(s); });
  if (store == nullptr || context == nullptr || stack == nullptr) return absl::InternalError("out of memory");
  for (const common::Certificate& root : roots) X509_STORE_add_cert(store.get(), root.get());
  for (const common::Certificate& each : untrusted) sk_X509_push(stack.get(), each.get());
  if (X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), stack.get()) != 1) {
    return absl::InternalError(common::DrainOpensslErrors());
  }
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_NO_CHECK_TIME);
  X509_VERIFY_PARAM_set_auth_level(parameters, kSecurityLevel);
  const bool verified = X509_verify_cert(context.get()) == 1;
  ERR_clear_error();
  if (!verified) {
    X509* at = X509_STORE_CTX_get_current_cert(context.get());
    return absl::InvalidArgumentError(
        common::StrCat("no path to the root: ", X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())),
                       at == nullptr ? "" : common::StrCat(" at ", common::Certificate::FromX509(at).subject())));
  }
  STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(context.get());
  const int size = sk_X509_num(chain);
  CertificatePath path{.intermediates = {}, .anchor = common::Certificate::FromX509(sk_X509_value(chain, size - 1))};
  for (int i = 1; i + 1 < size; ++i)
    path.intermediates.push_back(common::Certificate::FromX509(sk_X509_value(chain, i)));
  return path;
}

}  // namespace henb::x2sec::app
