// OpenSSL's objects as owning pointers. For the sources of this module and of ocspd.
#pragma once

#include "common/revocation/openssl_ptr.h"

namespace henb::x2sec::revocation {

using common::OpensslPtr;

}  // namespace henb::x2sec::revocation
