// Which repository had which cross-certificate, so that what it withdraws can be taken back.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/certificate.h"

namespace henb::x2sec::app {

/// By the repository's URL.
using CrossCertificateBook = std::map<std::string, std::vector<common::Certificate>>;

/// Empty where there is no file; DataLoss names the place. For a worker.
[[nodiscard]] absl::StatusOr<CrossCertificateBook> ReadCrossCertificateBook(const std::string& path);
/// Durable when it returns; a file that says the same already is not written. For a worker.
[[nodiscard]] absl::Status WriteCrossCertificateBook(const std::string& path, const CrossCertificateBook& book);

/// The same but for repositories that are not among `urls`. Pure.
[[nodiscard]] CrossCertificateBook OnlyOf(const CrossCertificateBook& book, const std::set<std::string>& urls);
/// Of `one`, what no repository of `other` has. Pure.
[[nodiscard]] std::vector<common::Certificate> DifferenceOf(const CrossCertificateBook& one,
                                                            const CrossCertificateBook& other);

}  // namespace henb::x2sec::app
