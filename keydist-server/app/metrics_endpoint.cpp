#include "keydist-server/app/metrics_endpoint.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "common/log.h"
#include "common/status.h"

namespace henb::keydist::app {
namespace {

constexpr unsigned kMostConnections = 16;
constexpr unsigned kIdleSeconds = 10;
constexpr std::size_t kConnectionMemory = 8192;  // For the request's headers.

MHD_Result Send(MHD_Connection* connection, unsigned status, std::string_view body, const char* type) {
  MHD_Response* response =
      MHD_create_response_from_buffer(body.size(), const_cast<char*>(body.data()), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
  if (status == MHD_HTTP_METHOD_NOT_ALLOWED) MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
  const MHD_Result queued = MHD_queue_response(connection, status, response);
  MHD_destroy_response(response);
  return queued;
}

MHD_Result Handle(void* render, MHD_Connection* connection, const char* url, const char* method, const char*,
                  const char*, std::size_t* upload_size, void** state) {
  static char begun;
  if (*state == nullptr) {  // Headers only; what follows them is not read into memory.
    *state = &begun;
    return MHD_YES;
  }
  if (*upload_size != 0) {
    *upload_size = 0;
    return MHD_YES;
  }
  const std::string_view verb = method;
  if (verb != MHD_HTTP_METHOD_GET && verb != MHD_HTTP_METHOD_HEAD) {
    return Send(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n", "text/plain");
  }
  if (std::string_view(url) != "/metrics") return Send(connection, MHD_HTTP_NOT_FOUND, "see /metrics\n", "text/plain");
  return Send(connection, MHD_HTTP_OK, (*static_cast<MetricsEndpoint::Render*>(render))(),
              "text/plain; version=0.0.4; charset=utf-8");
}

}  // namespace

MetricsEndpoint::MetricsEndpoint(const common::IpAddress& address, std::uint16_t port, Render render)
    : address_(address), wanted_port_(port), render_(std::move(render)) {}

MetricsEndpoint::~MetricsEndpoint() {
  if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
}

absl::Status MetricsEndpoint::Listen() {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  const sockaddr* address = reinterpret_cast<const sockaddr*>(&v4);
  unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO;
  if (address_.is_v6()) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(wanted_port_);
    std::memcpy(&v6.sin6_addr, address_.bytes().data(), address_.bytes().size());
    address = reinterpret_cast<const sockaddr*>(&v6);
    flags |= MHD_USE_IPv6;
  } else {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(wanted_port_);
    std::memcpy(&v4.sin_addr, address_.bytes().data(), address_.bytes().size());
  }
  errno = 0;
  daemon_ = MHD_start_daemon(flags, 0, nullptr, nullptr, &Handle, &render_, MHD_OPTION_SOCK_ADDR, address,
                             MHD_OPTION_CONNECTION_LIMIT, kMostConnections, MHD_OPTION_CONNECTION_TIMEOUT, kIdleSeconds,
                             MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemory, MHD_OPTION_END);
  if (daemon_ == nullptr) {
    return absl::UnavailableError(
        common::StrCat("cannot listen on ", address_.ToString(), " port ", wanted_port_, ": ", std::strerror(errno)));
  }
  const MHD_DaemonInfo* info = MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_BIND_PORT);
  port_ = info != nullptr ? info->port : wanted_port_;
  return absl::OkStatus();
}

void MetricsEndpoint::Tick() {
  if (daemon_ != nullptr) return;
  if (const absl::Status status = Listen(); !status.ok()) {
    if (!failed_) common::LogAlarm("metrics_not_served", {{"error", status}});
    failed_ = true;
    return;
  }
  common::LogInfo("metrics_served", {{"address", address_.ToString()}, {"port", port_}});
}

}  // namespace henb::keydist::app
