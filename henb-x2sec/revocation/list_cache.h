// The newest verified list of each issuer, kept on disk.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "henb-x2sec/revocation/certificate_list.h"

namespace henb::x2sec::revocation {

/// What came of a fresh list.
struct TakenList {
  bool changed = false;                    ///< Another one than that held.
  std::vector<std::string> newly_revoked;  ///< Serials.
};

/// Owns the lists. One thread; Save may run on another.
class ListCache {
 public:
  /// `directory`/<SHA-256 of the issuer's SubjectPublicKeyInfo>.crl.
  explicit ListCache(std::string directory) : directory_(std::move(directory)) {}

  /// Reads what an earlier run kept and verifies it anew, against `issuers`. What is unusable is left aside: a message
  /// for each.
  [[nodiscard]] std::vector<std::string> Load(const std::vector<common::Certificate>& issuers,
                                              const ListLimits& limits);
  /// FailedPrecondition when it is older than that held (Supersedes).
  [[nodiscard]] absl::StatusOr<TakenList> Take(CertificateList list);
  /// Writes the list (DER) of this issuer, atomically. Any thread.
  [[nodiscard]] static absl::Status Save(const std::string& directory, const common::SpkiHash& issuer,
                                         std::string_view der);

  /// By the issuer's SubjectPublicKeyInfo; null when there never was one.
  [[nodiscard]] const CertificateList* Find(const common::SpkiHash& issuer) const;
  [[nodiscard]] const std::string& directory() const { return directory_; }

 private:
  std::string directory_;
  std::map<common::SpkiHash, CertificateList> lists_;
};

}  // namespace henb::x2sec::revocation
