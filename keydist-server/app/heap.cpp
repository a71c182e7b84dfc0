#include "keydist-server/app/heap.h"

#include <malloc.h>

#include <algorithm>
#include <thread>

namespace henb::keydist::app {
namespace {

constexpr std::size_t kMuch = std::size_t{64} << 20;

}  // namespace

void BoundArenas() {
  const int threads = static_cast<int>(std::thread::hardware_concurrency());
  mallopt(M_ARENA_MAX, std::max(4, 2 * threads));
}

void GiveMemoryBack() {
  if (mallinfo2().fordblks > kMuch) malloc_trim(0);
}

}  // namespace henb::keydist::app
