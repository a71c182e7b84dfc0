#pragma once

#include <openssl/evp.h>

#include <memory>

namespace henb::x2sec::device_key {

/// A private key, maybe one that lives elsewhere (store_backed_key.h).
using EvpKey = std::shared_ptr<EVP_PKEY>;

}  // namespace henb::x2sec::device_key
