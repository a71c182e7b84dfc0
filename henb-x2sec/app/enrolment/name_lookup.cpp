#include "henb-x2sec/app/enrolment/name_lookup.h"

#include <netdb.h>

#include <algorithm>
#include <memory>

#include "common/strings.h"

namespace henb::x2sec::app {

absl::StatusOr<std::vector<common::IpAddress>> LookUp(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (error != 0) return absl::UnavailableError(common::StrCat(host, ": ", gai_strerror(error)));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> list(found, freeaddrinfo);
  std::vector<common::IpAddress> out;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) continue;
    const auto address = common::IpAddress::Parse(text);
    if (address.ok() && std::find(out.begin(), out.end(), *address) == out.end()) out.push_back(*address);
  }
  if (out.empty()) return absl::UnavailableError(common::StrCat(host, ": no address"));
  return out;
}

}  // namespace henb::x2sec::app
