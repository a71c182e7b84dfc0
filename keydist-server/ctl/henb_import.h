// HeNBs to be registered, as lines of a file. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "keydist-server/domain/henb_record.h"

namespace henb::keydist::ctl {

enum class ImportFormat { kCsv, kJsonLines };

/// By the name's end: ".csv"; ".jsonl" or ".ndjson". InvalidArgument asks for --format.
[[nodiscard]] absl::StatusOr<ImportFormat> FormatOfName(std::string_view path);

/// The fields of one line of CSV (RFC 4180, but no field goes on in the next line). InvalidArgument names the column,
/// counted in octets from 1.
[[nodiscard]] absl::StatusOr<std::vector<std::string>> SplitCsv(std::string_view line);

/// Reads one HeNB from one line. Errors begin with the field's name, or with the column where the line has no form.
///
/// CSV: a header with the fields' names in any order, `id`, `anchor_spki_sha256`, `groups` (which may be absent);
/// several values in one field stand apart by a space. JSON: one object a line with those members; lists are lists.
class ImportParser {
 public:
  /// InvalidArgument: an unknown field, one that is there twice, one that is missing.
  [[nodiscard]] static absl::StatusOr<ImportParser> ForCsv(std::string_view header);
  [[nodiscard]] static ImportParser ForJsonLines() { return ImportParser({}); }

  /// Normalised: anchors and groups sorted and without repetition.
  [[nodiscard]] absl::StatusOr<domain::HenbRecord> Parse(std::string_view line) const;

 private:
  explicit ImportParser(std::vector<std::string> columns) : columns_(std::move(columns)) {}
  std::vector<std::string> columns_;  ///< Empty: JSON.
};

}  // namespace henb::keydist::ctl
