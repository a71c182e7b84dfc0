#include "tests/ca/sinful_nem.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "common/strings.h"
#include "common/without_sigpipe.h"

namespace henb::tests {
namespace {

constexpr char kChainType[] = "application/pem-certificate-chain";
constexpr std::size_t kHuge = 100U << 20;

bool WaitReadable(int fd, int stop) {
  pollfd fds[2] = {{fd, POLLIN, 0}, {stop, POLLIN, 0}};
  while (poll(fds, 2, -1) < 0) {
  }
  return fds[1].revents == 0;
}

bool Write(SSL* tls, std::string_view text) {
  while (!text.empty()) {
    const int wrote = SSL_write(tls, text.data(), static_cast<int>(std::min<std::size_t>(text.size(), 16384)));
    if (wrote <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return true;
}

std::string Head(std::string_view status, std::string_view type, std::size_t length) {
  return common::StrCat("HTTP/1.1 ", status, "\r\nContent-Type: ", type, "\r\nContent-Length: ", length, "\r\n\r\n");
}

bool Send(SSL* tls, std::string_view status, std::string_view type, std::string_view body) {
  return Write(tls, Head(status, type, body.size()) + std::string(body));
}

}  // namespace

std::vector<std::string> SinfulNem::SinNames() {
  return {"other-ca",
          "other-device",
          "other-key",
          "expired",
          "http-500",
          "endless-waiting",
          "huge",
          "one-byte-a-second",
          "close-in-the-middle",
          "wrong-content-type",
          "garbage",
          "no-certificate"};
}

SinfulNem::SinfulNem(std::string sin, const TestCredential& server, const TestAuthority& ca,
                     const TestAuthority& vendor)
    : sin_(std::move(sin)),
      ca_(ca),
      other_ca_(TestAuthority::Root("/O=Operator 1/CN=Operator 1 Root")),
      context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free),
      socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      stop_(eventfd(0, EFD_CLOEXEC)) {
  SSL_CTX_use_certificate(context_.get(), server.certificate.get());
  SSL_CTX_use_PrivateKey(context_.get(), server.key.get());
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), vendor.certificate().get());
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_OFF);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(socket_.get(), 16) != 0) abort();
  getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

SinfulNem::~SinfulNem() {
  const std::uint64_t one = 1;
  (void)!write(stop_.get(), &one, sizeof one);
  acceptor_.join();
  for (std::thread& connection : connections_) connection.join();
}

void SinfulNem::Accept() {
  while (WaitReadable(socket_.get(), stop_.get())) {
    const int connection = accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (connection >= 0) connections_.emplace_back([this, connection] { Serve(connection); });
  }
}

void SinfulNem::Serve(int connection) {
  const common::WithoutSigpipe no_signal;
  const common::UniqueFd owned(connection);
  const timeval patience{5, 0};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const std::unique_ptr<SSL, decltype(&SSL_free)> tls(SSL_new(context_.get()), SSL_free);
  SSL_set_fd(tls.get(), connection);
  if (SSL_accept(tls.get()) != 1) return;
  while ((SSL_pending(tls.get()) > 0 || WaitReadable(connection, stop_.get())) && ServeOne(tls.get())) {
  }
}

bool SinfulNem::Wait(int milliseconds) const {
  pollfd stop{stop_.get(), POLLIN, 0};
  return poll(&stop, 1, milliseconds) == 0;
}

bool SinfulNem::ServeOne(SSL* tls) {
  std::string buffer;
  char chunk[16384];
  std::size_t head_end = std::string::npos;
  std::size_t length = 0;
  while (head_end == std::string::npos || buffer.size() < head_end + 4 + length) {
    const int got = SSL_read(tls, chunk, sizeof chunk);
    if (got <= 0) return false;
    buffer.append(chunk, static_cast<std::size_t>(got));
    head_end = buffer.find("\r\n\r\n");
    const std::size_t at = buffer.find("Content-Length: ");
    if (at != std::string::npos) length = static_cast<std::size_t>(std::atoi(buffer.c_str() + at + 16));
  }
  return Answer(tls, buffer.substr(0, head_end), buffer.substr(head_end + 4, length));
}

bool SinfulNem::Answer(SSL* tls, const std::string& head, const std::string& body) {
  if (head.starts_with("GET ")) return Sin(tls);
  const std::lock_guard lock(mutex_);
  if (head.find("/result ") != std::string::npos) {
    results_.push_back(body);
    return Send(tls, "204 No Content", "text/plain", "");
  }
  ++uploads_;
  pkcs10_ = body;
  return Send(tls, "202 Accepted", "application/json", "{}");
}

bool SinfulNem::Sin(SSL* tls) {
  if (sin_ == "http-500") return Send(tls, "500 Internal Server Error", "text/plain", "no");
  if (sin_ == "endless-waiting") return Send(tls, "202 Accepted", "application/json", "{}");
  if (sin_ == "garbage") return Send(tls, "200 OK", kChainType, "-----BEGIN CERTIFICATE-----\nAAAA\n");
  if (sin_ == "no-certificate") return Send(tls, "200 OK", kChainType, "");
  const std::string chain = Chain();
  if (sin_ == "wrong-content-type") return Send(tls, "200 OK", "text/html", chain);
  if (sin_ == "close-in-the-middle") {
    Write(tls, Head("200 OK", kChainType, chain.size()) + chain.substr(0, chain.size() / 2));
    return false;
  }
  if (sin_ == "one-byte-a-second") {
    if (!Write(tls, Head("200 OK", kChainType, chain.size()))) return false;
    for (const char octet : chain) {
      if (!Write(tls, {&octet, 1}) || !Wait(1000)) return false;
    }
    return false;
  }
  if (sin_ == "huge") {
    if (!Write(tls, Head("200 OK", kChainType, kHuge))) return false;
    const std::string piece(16384, 'x');
    for (std::size_t sent = 0; sent < kHuge; sent += piece.size()) {
      if (!Write(tls, piece)) return false;
    }
    return false;
  }
  return Send(tls, "200 OK", kChainType, chain);
}

std::string SinfulNem::Chain() {
  const std::lock_guard lock(mutex_);
  const auto* at = reinterpret_cast<const unsigned char*>(pkcs10_.data());
  const std::unique_ptr<X509_REQ, decltype(&X509_REQ_free)> request(
      d2i_X509_REQ(nullptr, &at, static_cast<long>(pkcs10_.size())), X509_REQ_free);
  if (request == nullptr) return "";
  char* subject = X509_NAME_oneline(X509_REQ_get_subject_name(request.get()), nullptr, 0);
  CertificateSpec spec{.subject = subject, .dns_names = {std::string(subject).substr(4)}};
  OPENSSL_free(subject);
  if (sin_ == "other-device") spec.dns_names = {"henb-z.example"};
  if (sin_ == "expired") {
    spec.not_before = absl::Now() - absl::Hours(48);
    spec.not_after = absl::Now() - absl::Hours(24);
  }
  const OpensslPtr<EVP_PKEY> other_key = sin_ == "other-key" ? NewKey() : nullptr;
  EVP_PKEY* key = other_key != nullptr ? other_key.get() : X509_REQ_get0_pubkey(request.get());
  return (sin_ == "other-ca" ? other_ca_ : ca_).IssueFor(spec, key).pem() + ca_.certificate().pem();
}

std::vector<std::string> SinfulNem::results() {
  const std::lock_guard lock(mutex_);
  return results_;
}

}  // namespace henb::tests
