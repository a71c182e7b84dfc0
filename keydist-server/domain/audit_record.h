// Audit records and their hash chain (R51). No key, root or other secret has a place in them. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/digest.h"

namespace henb::keydist::domain {

/// What became of one peer of a call.
struct AuditedPeer {
  std::string_view outcome;      ///< "issued", "not_allowed", "suspended"; static text.
  std::string peer;              ///< Outside text of a HenbId's form.
  std::uint32_t generation = 0;  ///< The peer's; 0 when nothing was issued.
};

/// One record; a batch of keys is one record.
struct AuditRecord {
  absl::Time at;
  std::string_view
      event;  ///< Stable names, docs/keydist.md: "keys_issued", "caller_refused", "henb_suspended", …; static text.
  std::string actor;             ///< A HeNB's identity, or "operator".
  std::string anchor;            ///< Hexadecimal, of a HeNB.
  std::uint32_t generation = 0;  ///< The actor's, when keys were issued.
  std::uint64_t epoch = 0;       ///< Current one, when keys were issued.
  std::uint64_t next_epoch = 0;  ///< The next one, when its keys were in the answer too.
  std::string_view purpose;      ///< "ike_psk" or "ppk"; static text.
  std::vector<AuditedPeer> peers;
  std::string detail;  ///< Anything else, one line.
};

/// Where a chain stands: the number and hash of its last record. A value.
struct ChainHead {
  std::uint64_t sequence = 0;
  common::Sha256Digest hash;  ///< Zero before the first record.
  friend bool operator==(const ChainHead&, const ChainHead&) = default;
};

/// Appends those octets of the record's line that do not depend on where it stands, from `,"at"` on, to `out`.
void RenderRecord(const AuditRecord& record, std::string* out);

/// Appends the line of a record that RenderRecord has rendered, and returns the head after it.
[[nodiscard]] ChainHead ChainRendered(const ChainHead& head, std::string_view rendered, std::string* out);

/// Both: appends the record as one JSON line to `out` and returns the head after it.
///
/// The line: `{"seq":…,"at":"…","event":"…",…,"hash":"<64 hex>"}\n`, where hash = SHA-256(hash of the line before, 32
/// octets ‖ the line's octets before `,"hash"`).
[[nodiscard]] ChainHead AppendLine(const ChainHead& head, const AuditRecord& record, std::string* out);

/// Checks that `line` (without its newline) follows `head`, and returns the head after it. DataLoss says what is wrong.
/// With `head.sequence` 0 and `anywhere` true the line's own number is taken, and the hash is not checked: for the
/// first of a tail.
[[nodiscard]] absl::StatusOr<ChainHead> CheckLine(const ChainHead& head, std::string_view line, bool anywhere = false);

}  // namespace henb::keydist::domain
