#include "keydist-server/rpc/peer_verifier.h"

#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <mutex>

#include "common/status.h"

namespace henb::keydist::rpc {

struct PeerVerifier::Anchors {
  std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store{X509_STORE_new(), &X509_STORE_free};
  ClientLists lists;
};

PeerVerifier::PeerVerifier(std::shared_ptr<const Anchors> anchors, const common::Clock& clock)
    : clock_(clock), anchors_(std::move(anchors)) {}
PeerVerifier::~PeerVerifier() = default;

absl::StatusOr<std::unique_ptr<PeerVerifier>> PeerVerifier::Make(const std::vector<common::Certificate>& anchors,
                                                                 const common::Clock& clock, ClientLists lists) {
  ASSIGN_OR_RETURN(std::shared_ptr<const Anchors> store, StoreOf(anchors, std::move(lists)));
  return std::unique_ptr<PeerVerifier>(new PeerVerifier(std::move(store), clock));
}

absl::Status PeerVerifier::Replace(const std::vector<common::Certificate>& anchors, ClientLists lists) {
  ASSIGN_OR_RETURN(std::shared_ptr<const Anchors> store, StoreOf(anchors, std::move(lists)));
  const std::unique_lock lock(mutex_);
  RETURN_IF_ERROR(store->lists.MayReplace(anchors_->lists));
  anchors_ = std::move(store);
  kept_.clear();
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const PeerVerifier::Anchors>> PeerVerifier::StoreOf(
    const std::vector<common::Certificate>& anchors, ClientLists lists) {
  if (anchors.empty()) return absl::InvalidArgumentError("no trust anchors");
  auto store = std::make_unique<Anchors>();
  store->lists = std::move(lists);
  for (const common::Certificate& anchor : anchors) {
    if (X509_STORE_add_cert(store->store.get(), anchor.get()) != 1) {
      return absl::InvalidArgumentError(
          common::StrCat("anchor ", anchor.subject(), ": ", common::DrainOpensslErrors()));
    }
  }
  return std::shared_ptr<const Anchors>(std::move(store));
}

absl::StatusOr<std::shared_ptr<const service::CallerIdentity>> PeerVerifier::Identify(std::string_view leaf_pem,
                                                                                      std::string_view chain_pem) {
  const absl::Time now = clock_.Now();
  const absl::string_view key = common::ToAbsl(leaf_pem);
  std::shared_ptr<const Anchors> anchors;
  {
    const std::shared_lock lock(mutex_);
    const auto found = kept_.find(key);
    if (found != kept_.end() && found->second.not_before <= now && now <= found->second.not_after) {
      return found->second.identity;
    }
    anchors = anchors_;
  }
  absl::StatusOr<Kept> verified = Verify(*anchors, leaf_pem, chain_pem);
  if (!verified.ok()) {
    return absl::UnauthenticatedError(common::StrCat("client certificate: ", verified.status().message()));
  }
  const std::unique_lock lock(mutex_);
  if (anchors != anchors_) return absl::UnauthenticatedError("the trust anchors changed meanwhile");
  if (kept_.size() >= kMaxKept) kept_.clear();
  return kept_.insert_or_assign(std::string(leaf_pem), *std::move(verified)).first->second.identity;
}

absl::StatusOr<PeerVerifier::Kept> PeerVerifier::Verify(const Anchors& anchors, std::string_view leaf_pem,
                                                        std::string_view chain_pem) const {
  ASSIGN_OR_RETURN(const common::Certificate leaf, common::Certificate::FromPem(leaf_pem));
  std::vector<common::Certificate> sent;
  if (!chain_pem.empty()) {
    ASSIGN_OR_RETURN(sent, common::Certificate::ChainFromPem(chain_pem));
  }
  const std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> untrusted(
      sk_X509_new_null(), [](STACK_OF(X509) * stack) { sk_X509_free(stack); });
  for (const common::Certificate& certificate : sent) sk_X509_push(untrusted.get(), certificate.get());

  const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> context(X509_STORE_CTX_new(),
                                                                                &X509_STORE_CTX_free);
  if (X509_STORE_CTX_init(context.get(), anchors.store.get(), leaf.get(), untrusted.get()) != 1) {
    return absl::InternalError(common::DrainOpensslErrors());
  }
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_CLIENT);
  X509_VERIFY_PARAM_set_time(parameters, absl::ToTimeT(clock_.Now()));
  X509_VERIFY_PARAM_set_auth_level(parameters, 2);  // 112 bits: no SHA-1, no RSA below 2048 (R31).
  if (X509_verify_cert(context.get()) != 1) {
    return absl::UnauthenticatedError(X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())));
  }
  const STACK_OF(X509)* path = X509_STORE_CTX_get0_chain(context.get());
  Kept kept{.identity = nullptr, .not_before = absl::InfinitePast(), .not_after = absl::InfiniteFuture()};
  auto identity = std::make_shared<service::CallerIdentity>();
  const absl::Time now = clock_.Now();
  for (int i = 0; i + 1 < sk_X509_num(path); ++i) {
    RETURN_IF_ERROR(anchors.lists.Judge(common::Certificate::FromX509(sk_X509_value(path, i)),
                                        common::Certificate::FromX509(sk_X509_value(path, i + 1)), now,
                                        &kept.not_after));
  }
  for (int i = 0; i < sk_X509_num(path); ++i) {
    const common::Certificate certificate = common::Certificate::FromX509(sk_X509_value(path, i));
    kept.not_before = std::max(kept.not_before, certificate.not_before());
    kept.not_after = std::min(kept.not_after, certificate.not_after());
    identity->anchor = certificate.spki();  // The last one stays.
  }
  ASSIGN_OR_RETURN(identity->id, leaf.Identity());
  kept.identity = std::move(identity);
  return kept;
}

}  // namespace henb::keydist::rpc
