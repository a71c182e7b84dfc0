// An audit file's chain checked from its first record to its last, one line at a time (R51). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "keydist-server/domain/audit_record.h"

namespace henb::keydist::domain {

/// One end of what was checked.
struct AuditPlace {
  std::uint64_t sequence = 0;
  std::string at;  ///< As the record says it.
};

/// Takes the lines of a chain in their order, over as many files as it lies in. Needs the memory of one record. One
/// thread.
class AuditVerifier {
 public:
  /// `partial`: the first line need not be record 1. Its own hash is then taken as it is; all later ones are checked.
  explicit AuditVerifier(bool partial) : partial_(partial) {}

  /// The next line, without its newline. DataLoss says what is wrong; nothing is taken then.
  [[nodiscard]] absl::Status Take(std::string_view line);

  [[nodiscard]] std::uint64_t records() const { return records_; }
  [[nodiscard]] const AuditPlace& first() const { return first_; }
  [[nodiscard]] AuditPlace last() const { return {head_.sequence, last_at_}; }
  /// After the last line taken; sequence 0 before the first.
  [[nodiscard]] const ChainHead& head() const { return head_; }

 private:
  bool partial_;
  std::uint64_t records_ = 0;
  ChainHead head_;
  AuditPlace first_;
  std::string last_at_;
};

}  // namespace henb::keydist::domain
