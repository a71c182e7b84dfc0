// Keys in an NSS slot: finding, making, importing, signing, deleting. For the sources of this module.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/secret_bytes.h"
#include "henb-x2sec/core/ports/key_operations.h"
#include "henb-x2sec/nss/nss_handles.h"

namespace henb::x2sec::nss {

/// The CKA_ID that NSS gives a key: SHA-1 of the EC point or RSA modulus, 40 hexadecimal digits (pluto's --ckaid).
[[nodiscard]] absl::StatusOr<std::string> CkaidOfPublicKey(SECKEYPublicKey* key);

/// nullptr when there is none.
[[nodiscard]] NssPtr<SECKEYPrivateKey> FindPrivateKey(PK11SlotInfo* slot, const std::string& ckaid);

/// The ckaids of private keys: of all, or of those alone that GenerateP256 made.
[[nodiscard]] absl::StatusOr<std::set<std::string>> PrivateKeys(PK11SlotInfo* slot, bool only_our_own);

/// FailedPrecondition when the key with this public key's ckaid is there under another CKA_ID. pluto looks for 20
/// octets, and ends at once when it meets another number (docs/pluto.md).
[[nodiscard]] absl::Status CheckNotUnderAnotherId(PK11SlotInfo* slot, const std::string& ckaid);

/// Puts a PKCS#8 key in, linked to `public_key` by its CKA_ID.
[[nodiscard]] absl::Status ImportPrivateKey(PK11SlotInfo* slot, const common::SecretBytes& pkcs8,
                                            const std::string& nickname, SECKEYPublicKey* public_key);

/// A token key, private, sensitive, not extractable, labelled as ours; its ckaid.
[[nodiscard]] absl::StatusOr<std::string> GenerateP256(PK11SlotInfo* slot);

[[nodiscard]] absl::StatusOr<std::string> SignDigest(SECKEYPrivateKey* key, core::SignedDigest digest,
                                                     std::string_view digest_bytes);

/// Private and public key objects of this ckaid; OK when there are none.
[[nodiscard]] absl::Status DeleteKeyObjects(PK11SlotInfo* slot, const std::string& ckaid);

}  // namespace henb::x2sec::nss
