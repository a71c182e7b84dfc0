// Certificate revocation lists, which the key service reads as well: common/revocation.
#pragma once

#include "common/revocation/certificate_list.h"
#include "henb-x2sec/revocation/issuer_id.h"

namespace henb::x2sec::revocation {

using common::CertificateList;
using common::ListLimits;
using common::NewlyRevoked;
using common::Supersedes;
using common::VerifyCertificateList;

}  // namespace henb::x2sec::revocation
