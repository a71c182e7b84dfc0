#include "henb-x2sec/nem/https_server.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <sys/socket.h>

#include <list>

#include "common/log.h"
#include "common/status.h"
#include "common/without_sigpipe.h"
#include "henb-x2sec/enrol/certificate_check.h"

namespace henb::x2sec::nem {
namespace {

constexpr int kMostHeaders = 8 << 10;

template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using EventBase = std::unique_ptr<event_base, Freer<event_base_free>>;
using EventPtr = std::unique_ptr<event, Freer<event_free>>;
using HttpPtr = std::unique_ptr<evhttp, Freer<evhttp_free>>;
using SslContext = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;

timeval Timeval(absl::Duration duration) { return absl::ToTimeval(duration); }

absl::Status TlsError(std::string_view doing) {
  return absl::InvalidArgumentError(common::StrCat(doing, ": ", common::DrainOpensslErrors()));
}

absl::StatusOr<SslContext> MakeContext(const HttpsServer::Settings& settings) {
  SslContext out(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = out.get();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_security_level(context, 2);
  if (settings.chain.empty() || SSL_CTX_use_certificate(context, settings.chain.front().get()) != 1)
    return TlsError("the server's certificate");
  for (std::size_t i = 1; i < settings.chain.size(); ++i) {
    if (!settings.chain[i].is_self_issued() && SSL_CTX_add1_chain_cert(context, settings.chain[i].get()) != 1)
      return TlsError("the server's chain");
  }
  if (SSL_CTX_use_PrivateKey(context, settings.key.get()) != 1 || SSL_CTX_check_private_key(context) != 1)
    return TlsError("the server's key");
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const common::Certificate& root : settings.device_roots) {
    X509_STORE_add_cert(store, root.get());
    SSL_CTX_add_client_CA(context, root.get());
  }
  X509_VERIFY_PARAM_set_auth_level(X509_STORE_get0_param(store), 2);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_verify_depth(context, 8);
  return out;
}

std::string BodyOf(evhttp_request* request) {
  evbuffer* buffer = evhttp_request_get_input_buffer(request);
  std::string out(evbuffer_get_length(buffer), '\0');
  evbuffer_copyout(buffer, out.data(), out.size());
  return out;
}

/// In TLS's handshake the path was verified; its end is the root.
std::optional<common::Certificate> AnchorOf(SSL* tls) {
  const STACK_OF(X509)* path = SSL_get0_verified_chain(tls);
  const int size = path == nullptr ? 0 : sk_X509_num(path);
  if (size == 0 || SSL_get_verify_result(tls) != X509_V_OK) return std::nullopt;
  return common::Certificate::FromX509(sk_X509_value(path, size - 1));
}

}  // namespace

struct HttpsServer::Impl {
  /// Connections go after the listener.
  ~Impl() { listener = nullptr; }

  /// Ends a connection when its life is over. Hangs on the SSL object and goes with it.
  struct Connection {
    Impl* impl;
    SSL* tls;
    EventPtr deadline;
  };

  static int ConnectionIndex() {
    static const int kIndex = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, &Impl::OnFreed);
    return kIndex;
  }
  static void OnFreed(void* /*parent*/, void* pointer, CRYPTO_EX_DATA* /*data*/, int /*index*/, long /*argl*/,
                      void* /*argp*/) {
    const std::unique_ptr<Connection> connection(static_cast<Connection*>(pointer));
    if (connection == nullptr) return;
    Impl* impl = connection->impl;
    const bool room = --impl->connections < impl->settings.most_connections;
    if (room && impl->listener != nullptr) evconnlistener_enable(impl->listener);
  }
  static void OnDeadline(evutil_socket_t /*fd*/, short /*what*/, void* argument) {
    // The server sees the end of the connection and frees it.
    shutdown(SSL_get_fd(static_cast<Connection*>(argument)->tls), SHUT_RDWR);
  }
  static bufferevent* OnAccepted(event_base* base, void* argument) {
    auto* impl = static_cast<Impl*>(argument);
    SSL* tls = SSL_new(impl->context.get());
    auto connection = std::make_unique<Connection>(Connection{impl, tls, nullptr});
    connection->deadline.reset(evtimer_new(base, OnDeadline, connection.get()));
    const timeval life = Timeval(impl->settings.longest_life);
    evtimer_add(connection->deadline.get(), &life);
    SSL_set_ex_data(tls, ConnectionIndex(), connection.release());
    if (++impl->connections >= impl->settings.most_connections) evconnlistener_disable(impl->listener);
    return bufferevent_openssl_socket_new(base, -1, tls, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
  }
  static void OnRequest(evhttp_request* request, void* argument) { static_cast<Impl*>(argument)->Serve(request); }
  static void OnReadable(evutil_socket_t /*fd*/, short /*what*/, void* argument) {
    (*static_cast<std::function<void()>*>(argument))();
  }

  void Serve(evhttp_request* request) {
    const auto answer = [&](const HttpAnswer& out) {
      evkeyvalq* headers = evhttp_request_get_output_headers(request);
      evhttp_add_header(headers, "Content-Type", out.content_type.c_str());
      if (out.retry_after_s > 0) evhttp_add_header(headers, "Retry-After", std::to_string(out.retry_after_s).c_str());
      if (!out.location.empty()) evhttp_add_header(headers, "Location", out.location.c_str());
      evbuffer* body = evbuffer_new();
      evbuffer_add(body, out.body.data(), out.body.size());
      evhttp_send_reply(request, out.status, nullptr, body);
      evbuffer_free(body);
    };
    bufferevent* connection = evhttp_connection_get_bufferevent(evhttp_request_get_connection(request));
    SSL* tls = bufferevent_openssl_get_ssl(connection);
    const std::unique_ptr<X509, decltype(&X509_free)> peer(tls == nullptr ? nullptr : SSL_get1_peer_certificate(tls),
                                                           X509_free);
    const std::optional<common::Certificate> anchor = peer == nullptr ? std::nullopt : AnchorOf(tls);
    const evhttp_cmd_type command = evhttp_request_get_command(request);
    const char* path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
    const char* type = evhttp_find_header(evhttp_request_get_input_headers(request), "Content-Type");
    if (!anchor.has_value()) return answer({.status = 403, .body = "{}"});
    answer(handler({.method = command == EVHTTP_REQ_POST ? "POST" : "GET",
                    .path = path == nullptr ? "" : path,
                    .content_type = type == nullptr ? "" : type,
                    .body = BodyOf(request),
                    .device = common::Certificate::FromX509(peer.get()),
                    .anchor = *anchor}));
  }

  Settings settings;
  Handler handler;
  SslContext context;
  EventBase base;
  std::list<std::function<void()>> ready;
  std::list<EventPtr> watches;
  HttpPtr http;
  evconnlistener* listener = nullptr;  ///< http's.
  int connections = 0;
  std::uint16_t port = 0;
};

HttpsServer::HttpsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpsServer::~HttpsServer() = default;

absl::StatusOr<std::unique_ptr<HttpsServer>> HttpsServer::Listen(const Settings& settings, Handler handler) {
  auto impl = std::make_unique<Impl>();
  impl->settings = settings;
  impl->handler = std::move(handler);
  ASSIGN_OR_RETURN(impl->context, MakeContext(settings));
  impl->base.reset(event_base_new());
  impl->http.reset(evhttp_new(impl->base.get()));
  evhttp* http = impl->http.get();
  evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST);
  evhttp_set_max_headers_size(http, kMostHeaders);
  evhttp_set_max_body_size(http, static_cast<ev_ssize_t>(settings.most_body));
  evhttp_set_timeout(http, static_cast<int>(std::max<std::int64_t>(1, absl::ToInt64Seconds(settings.idle_timeout))));
  evhttp_set_bevcb(http, Impl::OnAccepted, impl.get());
  evhttp_set_gencb(http, Impl::OnRequest, impl.get());
  const std::string address = settings.address.ToString();
  evhttp_bound_socket* socket = evhttp_bind_socket_with_handle(http, address.c_str(), settings.port);
  if (socket == nullptr) {
    return absl::UnavailableError(
        common::StrCat("listening on ", address, " port ", settings.port, ": ", std::strerror(errno)));
  }
  impl->listener = evhttp_bound_socket_get_listener(socket);
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  getsockname(evhttp_bound_socket_get_fd(socket), reinterpret_cast<sockaddr*>(&bound), &size);
  impl->port = ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port
                                                 : reinterpret_cast<sockaddr_in*>(&bound)->sin_port);
  return std::unique_ptr<HttpsServer>(new HttpsServer(std::move(impl)));
}

std::uint16_t HttpsServer::port() const { return impl_->port; }

void HttpsServer::WatchReadable(int fd, std::function<void()> ready) {
  impl_->ready.push_back(std::move(ready));
  impl_->watches.emplace_back(
      event_new(impl_->base.get(), fd, EV_READ | EV_PERSIST, Impl::OnReadable, &impl_->ready.back()));
  event_add(impl_->watches.back().get(), nullptr);
}

void HttpsServer::Run() {
  // OpenSSL writes to a connection that may have ended.
  const common::WithoutSigpipe no_signal;
  event_base_dispatch(impl_->base.get());
}

void HttpsServer::Stop() { event_base_loopbreak(impl_->base.get()); }

}  // namespace henb::x2sec::nem
