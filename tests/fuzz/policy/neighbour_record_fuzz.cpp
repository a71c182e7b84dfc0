// Neighbour records and device descriptions from outside: any octets. What is taken must come back the same when
// written.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "policy/records.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto record = henb::policy::ReadNeighbourRecord(text);
  if (record.ok()) {
    const auto again = henb::policy::ReadNeighbourRecord(henb::policy::WriteNeighbourRecord(*record));
    if (!again.ok() || *again != *record) std::abort();
  }
  henb::policy::ReadSelf(text).IgnoreError();
  return 0;
}
