#include "henb-x2sec/core/sa_view.h"

#include <algorithm>
#include <set>

namespace henb::x2sec::core {
namespace {

constexpr int kAsksForSurplus = 2;

bool IsOf(const SaInfo& sa, const common::IpAddress& source, const common::IpAddress& destination, int reqid) {
  return sa.reqid == reqid && sa.source == source && sa.destination == destination;
}

const SaInfo* FindSa(const KernelSnapshot& kernel, std::uint32_t spi, const common::IpAddress& source,
                     const common::IpAddress& destination, int reqid) {
  for (const SaInfo& sa : kernel.sas) {
    if (sa.spi == spi && IsOf(sa, source, destination, reqid)) return &sa;
  }
  return nullptr;
}

}  // namespace

std::vector<LiveChild> LiveChildren(const ConnectionSpec& connection, const IkeSnapshot& ike,
                                    const KernelSnapshot& kernel) {
  std::vector<LiveChild> out;
  for (const ChildSa& child : ike.child_sas) {
    if (!child.established || child.connection != connection.name) continue;
    const SaInfo* sa_out =
        FindSa(kernel, child.spi_out, connection.local_ike_address, connection.peer_ike_address, connection.reqid);
    const SaInfo* sa_in =
        FindSa(kernel, child.spi_in, connection.peer_ike_address, connection.local_ike_address, connection.reqid);
    if (sa_out == nullptr || sa_in == nullptr) continue;
    out.push_back({child.serial, child.ike_serial, child.spi_out, child.spi_in, sa_in->bytes, sa_out->bytes});
  }
  std::sort(out.begin(), out.end(), [](const LiveChild& a, const LiveChild& b) { return a.serial < b.serial; });
  return out;
}

std::vector<SaInfo> OrphanSas(const ConnectionSpec& connection, const IkeSnapshot& ike, const KernelSnapshot& kernel) {
  std::set<std::uint32_t> known;
  for (const ChildSa& child : ike.child_sas) {
    known.insert(child.spi_out);
    known.insert(child.spi_in);
  }
  std::vector<SaInfo> out;
  for (const SaInfo& sa : kernel.sas) {
    // SPI 0 is an acquire under way; pluto owns that.
    const bool ours = IsOf(sa, connection.local_ike_address, connection.peer_ike_address, connection.reqid) ||
                      IsOf(sa, connection.peer_ike_address, connection.local_ike_address, connection.reqid);
    if (ours && sa.spi != 0 && !known.contains(sa.spi)) out.push_back(sa);
  }
  return out;
}

std::vector<SaInfo> SeenFor(const std::vector<SaInfo>& found, absl::Duration now, absl::Duration after,
                            std::map<std::uint32_t, absl::Duration>* seen) {
  std::vector<SaInfo> out;
  std::map<std::uint32_t, absl::Duration> others;
  for (const SaInfo& sa : found) {
    const auto before = seen->find(sa.spi);
    const absl::Duration since = before == seen->end() ? now : before->second;
    if (now - since < after) {
      others[sa.spi] = since;
    } else {
      out.push_back(sa);
    }
  }
  *seen = std::move(others);
  return out;
}

std::optional<std::uint32_t> Successor(const ConnectionSpec& connection, const KernelSnapshot& kernel) {
  const SaInfo* newest = nullptr;
  bool back = false;
  for (const SaInfo& sa : kernel.sas) {
    if (sa.spi == 0) continue;
    back = back || IsOf(sa, connection.peer_ike_address, connection.local_ike_address, connection.reqid);
    const bool out = IsOf(sa, connection.local_ike_address, connection.peer_ike_address, connection.reqid);
    if (out && (newest == nullptr || sa.added_at > newest->added_at)) newest = &sa;
  }
  if (newest == nullptr || !back) return std::nullopt;
  return newest->spi;
}

std::optional<std::uint32_t> AdoptedPin(const ConnectionSpec& connection, const KernelSnapshot& kernel) {
  for (const Pin& pin : kernel.pins) {
    const bool ours =
        pin.local == connection.local_address && pin.peer == connection.peer_address && pin.reqid == connection.reqid;
    if (!ours || !pin.spi_out) continue;
    for (const SaInfo& sa : kernel.sas) {
      const bool is_it = sa.spi == *pin.spi_out && sa.reqid == connection.reqid;
      if (is_it && sa.destination == connection.peer_ike_address) return sa.spi;
    }
  }
  return std::nullopt;
}

const LiveChild* FindChild(const std::vector<LiveChild>& children, std::optional<std::uint32_t> spi_out) {
  for (const LiveChild& child : children) {
    if (spi_out && child.spi_out == *spi_out) return &child;
  }
  return nullptr;
}

std::optional<std::uint32_t> ChoosePin(const std::vector<LiveChild>& children, std::optional<std::uint32_t> pinned) {
  if (children.empty()) return std::nullopt;
  const LiveChild* current = FindChild(children, pinned);
  const LiveChild* received = nullptr;
  for (const LiveChild& child : children) {
    if (child.bytes_in > 0) received = &child;
  }
  if (current == nullptr) return received != nullptr ? received->spi_out : children.back().spi_out;
  if (received != nullptr && received->serial > current->serial) return received->spi_out;
  return current->spi_out;
}

std::vector<std::uint64_t> Superfluous(const std::vector<std::vector<LiveChild>>& children_by_connection,
                                       const std::vector<std::optional<std::uint32_t>>& pins) {
  std::set<std::uint64_t> kept_ike;
  std::set<std::uint64_t> other_ike;
  std::set<std::uint64_t> surplus_children;
  for (std::size_t i = 0; i < children_by_connection.size(); ++i) {
    const LiveChild* kept = FindChild(children_by_connection[i], pins[i]);
    if (kept == nullptr) return {};
    kept_ike.insert(kept->ike_serial);
    for (const LiveChild& child : children_by_connection[i]) {
      if (child.serial == kept->serial) continue;
      other_ike.insert(child.ike_serial);
      surplus_children.insert(child.serial);
    }
  }
  std::vector<std::uint64_t> out;
  for (const std::uint64_t ike : other_ike) {
    if (!kept_ike.contains(ike)) out.push_back(ike);
  }
  for (const auto& children : children_by_connection) {
    for (const LiveChild& child : children) {
      if (surplus_children.contains(child.serial) && kept_ike.contains(child.ike_serial)) out.push_back(child.serial);
    }
  }
  return out;
}

bool CountSurplus(const std::vector<std::uint64_t>& superfluous, SurplusAsked* asked) {
  SurplusAsked now;
  bool stuck = false;
  for (const std::uint64_t serial : superfluous) {
    const auto before = asked->find(serial);
    const int times = before == asked->end() ? 0 : before->second;
    stuck = stuck || times >= kAsksForSurplus;
    now[serial] = times + 1;
  }
  *asked = std::move(now);
  return stuck;
}

}  // namespace henb::x2sec::core
