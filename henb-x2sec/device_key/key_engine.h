// Keys of the device's key store for libraries that take a private key by name only: gRPC.
#pragma once

#include <string>

#include "henb-x2sec/core/ports/key_operations.h"

namespace henb::x2sec::device_key {

/// An OpenSSL ENGINE of this process. gRPC, built with OpenSSL as Debian's is, takes "engine:ID:KEY" in the place of a
/// PEM key and asks the engine of this ID for KEY. Any thread. `store` must outlive this; keys that are still in
/// somebody's hands afterwards refuse to work. (Some hundred octets of each engine stay: OpenSSL and those keys refer
/// to them.)
class KeyEngine {
 public:
  explicit KeyEngine(core::KeyOperations& store);
  ~KeyEngine();
  KeyEngine(const KeyEngine&) = delete;
  KeyEngine& operator=(const KeyEngine&) = delete;

  /// What stands for the key of this ckaid.
  [[nodiscard]] std::string NameOf(const std::string& ckaid) const;

 private:
  struct Gate;
  Gate* gate_;
};

}  // namespace henb::x2sec::device_key
