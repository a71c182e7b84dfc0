#include "keydist-server/rpc/flood_guard.h"

#include <grpc/grpc.h>
#include <grpc/support/alloc.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "common/certificate.h"
#include "common/log.h"
#include "common/status.h"
#include "keydist-server/rpc/peer_gate.h"
#include "keydist-server/rpc/peer_sockets.h"

namespace henb::keydist::rpc {
namespace {

using Json = nlohmann::json;

constexpr std::intptr_t kPage = 500;
constexpr absl::Duration kMostPause = absl::Seconds(2);
constexpr absl::Duration kHotFor = absl::Minutes(1);  ///< A certificate, after one of its connections was cut.
constexpr std::uint64_t kHotCalls = 64;               ///< Of another connection of it.

/// gRPC's own text; takes it over. Discarded when there is none.
Json Parsed(char* text) {
  const std::unique_ptr<char, decltype(&gpr_free)> owned(text, &gpr_free);
  return owned ? Json::parse(owned.get(), nullptr, /*allow_exceptions=*/false) : Json(Json::value_t::discarded);
}

/// gRPC writes 64-bit numbers as text.
std::uint64_t NumberIn(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return 0;
  return common::ParseNumber<std::uint64_t>(found->get_ref<const std::string&>()).value_or(0);
}

const Json& MemberOf(const Json& object, const char* name) {
  static const Json kNothing = Json::object();
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found == object.end() ? kNothing : *found;
}

/// "ipv4:127.0.0.1:8443" of gRPC's names, which have words before it.
std::string_view PeerIn(std::string_view name) { return name.substr(name.rfind(' ') + 1); }

bool IsAt(std::string_view peer, const common::IpAddress& address, std::uint16_t port) {
  const auto its = AddressOfPeer(peer);
  return its.ok() && *its == address && common::ParseNumber<std::uint16_t>(peer.substr(peer.rfind(':') + 1)) == port;
}

/// The server that was made last of those that do not listen by themselves; 0: there is none. gRPC's numbers grow.
std::intptr_t NewestServer() {
  std::intptr_t newest = 0;
  for (std::intptr_t from = 0;;) {
    const Json page = Parsed(grpc_channelz_get_servers(from));
    const Json& servers = MemberOf(page, "server");
    if (!servers.is_array() || servers.empty()) return newest;
    for (const Json& server : servers) {
      const auto id = static_cast<std::intptr_t>(NumberIn(MemberOf(server, "ref"), "serverId"));
      from = id + 1;
      if (!server.contains("listenSocket")) newest = id;
    }
    if (MemberOf(page, "end") == true) return newest;
  }
}

std::uint64_t CallsStarted(std::int64_t server) {
  const Json answer = Parsed(grpc_channelz_get_server(static_cast<std::intptr_t>(server)));
  return NumberIn(MemberOf(MemberOf(answer, "server"), "data"), "callsStarted");
}

/// What the peer showed, in base64; empty when gRPC does not say.
std::string CertificateOf(const Json& socket) {
  const Json& remote = MemberOf(MemberOf(MemberOf(socket, "security"), "tls"), "remote_certificate");
  return remote.is_string() ? remote.get<std::string>() : std::string();
}

/// The one name in it.
std::string NameIn(const std::string& base64) {
  std::string pem;
  if (!absl::Base64Unescape(base64, &pem)) return {};
  const auto certificate = common::Certificate::FromPem(pem);
  if (!certificate.ok()) return {};
  const auto identity = certificate->Identity();
  return identity.ok() ? identity->str() : std::string();
}

/// Shuts down this process's socket at `local` whose other end is `peer`.
bool ShutPeer(std::string_view peer, std::uint16_t local) {
  bool done = false;
  ForEachPeerSocket(local, [&](const PeerSocket& socket) {
    if (!IsAt(peer, socket.address, socket.port)) return true;
    done = shutdown(socket.fd, SHUT_RDWR) == 0;
    return false;
  });
  return done;
}

}  // namespace

FloodGuard::FloodGuard(std::uint16_t port, std::function<std::uint64_t()> reached, Options options,
                       const common::Clock& clock)
    : port_(port),
      reached_(std::move(reached)),
      options_(options),
      clock_(clock),
      judge_(options.per_connection),
      server_(NewestServer()),
      thread_([this] { Run(); }) {
  if (server_ == 0) common::LogAlarm("flood_guard_blind", {{"port", port_}});
}

FloodGuard::~FloodGuard() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void FloodGuard::Run() {
  std::uint64_t before = 0;  // Calls that had reached nobody.
  absl::Duration pause = options_.every;
  absl::Duration next_look;
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, absl::ToChronoNanoseconds(options_.every), [this] { return stopping_; })) {
    lock.unlock();
    if (server_ != 0) {
      const std::uint64_t reached = reached_();
      const std::uint64_t started = CallsStarted(server_);
      const std::uint64_t nowhere = started > reached ? started - reached : 0;
      const absl::Duration now = clock_.Steady();
      std::erase_if(hot_, [now](const auto& address) { return address.second <= now; });
      if (nowhere > before + options_.quiet && (now >= next_look || !hot_.empty())) {
        // Thousands of connections take a while: one that finds nobody is not made again at once.
        pause = LookAtConnections() > 0 ? options_.every : std::min(2 * pause, kMostPause);
        next_look = now + pause;
      } else if (nowhere <= before + options_.quiet) {
        pause = options_.every;
      }
      before = nowhere;
    }
    lock.lock();
  }
}

std::size_t FloodGuard::LookAtConnections() {
  std::vector<domain::OpenedCalls> all;
  std::map<std::string, std::string> certificates;
  for (std::intptr_t from = 0;;) {
    const Json page = Parsed(grpc_channelz_get_server_sockets(static_cast<std::intptr_t>(server_), from, kPage));
    const Json& refs = MemberOf(page, "socketRef");
    if (!refs.is_array() || refs.empty()) break;
    for (const Json& ref : refs) {
      const std::uint64_t id = NumberIn(ref, "socketId");
      from = static_cast<std::intptr_t>(id) + 1;
      const Json answer = Parsed(grpc_channelz_get_socket(static_cast<std::intptr_t>(id)));
      const Json& name = MemberOf(ref, "name");
      if (!name.is_string()) continue;
      const Json& socket = MemberOf(answer, "socket");
      all.push_back(
          {.connection = name.get<std::string>(), .calls = NumberIn(MemberOf(socket, "data"), "streamsStarted")});
      certificates.emplace(all.back().connection, CertificateOf(socket));
    }
    if (MemberOf(page, "end") == true) break;
  }
  const absl::Duration now = clock_.Steady();
  std::vector<std::string> over = judge_.Look(all, now);
  for (const domain::OpenedCalls& one : all) {
    if (one.calls >= kHotCalls && hot_.contains(certificates[one.connection])) over.push_back(one.connection);
  }
  std::size_t count = 0;
  for (const std::string& name : over) {
    if (!ShutPeer(PeerIn(name), port_)) continue;
    hot_[certificates[name]] = now + kHotFor;
    ++count;
    cut_.fetch_add(1, std::memory_order_relaxed);
    common::LogAlarm("connection_cut", {{"peer", PeerIn(name)}, {"henb", NameIn(certificates[name])}, {"cut", cut()}});
  }
  return count;
}

}  // namespace henb::keydist::rpc
