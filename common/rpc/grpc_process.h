// What a program that uses gRPC does once.
#pragma once

namespace henb::common {

/// First in main, before gRPC starts threads. Debian's Abseil checks the order of locks and remembers every one: a
/// sixth of gRPC's time, and memory for each; this switches it off.
void PrepareForGrpc();

}  // namespace henb::common
