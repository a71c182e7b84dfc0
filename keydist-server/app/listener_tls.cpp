#include "keydist-server/app/listener_tls.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpcpp/security/server_credentials.h>

#include <cstring>
#include <mutex>

namespace henb::keydist::app {

struct ListenerTls::State {
  std::mutex mutex;
  bool fresh = false;  ///< gRPC has not got it yet.
  std::string certificate_pem;
  common::SecretBytes
      key_pem;  ///< With a zero octet at the end, as gRPC's C interface wants it; empty once handed over.
  std::string anchors_pem;

  /// gRPC's core asks before each handshake.
  static grpc_ssl_certificate_config_reload_status Fetch(void* data, grpc_ssl_server_certificate_config** config) {
    State& state = *static_cast<State*>(data);
    const std::lock_guard lock(state.mutex);
    if (!state.fresh) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const grpc_ssl_pem_key_cert_pair pair{reinterpret_cast<const char*>(state.key_pem.data()),
                                          state.certificate_pem.c_str()};
    *config = grpc_ssl_server_certificate_config_create(state.anchors_pem.c_str(), &pair, 1);
    state.key_pem = common::SecretBytes();
    state.fresh = false;
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }
};

namespace {

/// gRPC's C++ interface has no credentials that ask for new files and leave the checking to us; its core has.
class FetchingCredentials final : public grpc::ServerCredentials {
 public:
  FetchingCredentials(grpc_ssl_server_certificate_config_callback fetch, void* state)
      : core_(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY, fetch, state))) {}
  ~FetchingCredentials() override { grpc_server_credentials_release(core_); }
  FetchingCredentials(const FetchingCredentials&) = delete;
  FetchingCredentials& operator=(const FetchingCredentials&) = delete;
  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), core_);
  }
  grpc_server_credentials* core_;
};

}  // namespace

ListenerTls::ListenerTls(const TlsMaterial& first) : state_(std::make_unique<State>()) { Use(first); }
ListenerTls::~ListenerTls() = default;

std::shared_ptr<grpc::ServerCredentials> ListenerTls::Credentials() {
  return std::make_shared<FetchingCredentials>(&State::Fetch, state_.get());
}

void ListenerTls::Use(const TlsMaterial& material) {
  common::SecretBytes key(material.key_pem.size() + 1);
  std::memcpy(key.data(), material.key_pem.data(), material.key_pem.size());
  const std::lock_guard lock(state_->mutex);
  state_->certificate_pem = material.certificate_pem;
  state_->key_pem = std::move(key);
  state_->anchors_pem = material.anchors_pem;
  state_->fresh = true;
}

}  // namespace henb::keydist::app
