// Who issued a certificate, and under which serial number: common/revocation.
#pragma once

#include "common/revocation/issuer_id.h"

namespace henb::x2sec::revocation {

using common::IssuerId;
using common::SerialOf;
using common::SerialText;
using common::SignedWithSha2;
using common::TimeOf;

}  // namespace henb::x2sec::revocation
