// What nft prints, on any text; and nftables events on any octets.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "henb-x2sec/guard/guard_listing.h"
#include "henb-x2sec/guard/nft_events.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace henb::x2sec;  // NOLINT(google-build-using-namespace)
  (void)guard::ParseListing({reinterpret_cast<const char*>(data), size});
  guard::NftEvents events{henb::common::UniqueFd()};
  events.Take({data, size});
  return 0;
}
