// Every certificate that the test CA has issued, and what became of it.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/certificate.h"

namespace henb::tests {

enum class CertificateState { kIssued, kConfirmed, kRevoked };

struct LedgerEntry {
  std::string serial;       ///< Lower-case hexadecimal.
  std::string identity;     ///< dNSName of the device.
  std::string spki;         ///< SHA-256 of the SubjectPublicKeyInfo that was asked for, hexadecimal.
  std::string transaction;  ///< transactionID, hexadecimal.
  CertificateState state = CertificateState::kIssued;
  std::string reason;   ///< Why it was revoked.
  std::string through;  ///< Serial of the NEM's certificate that asked in the device's place; empty: it asked itself.
  std::string protection = "SIGNATURE";  ///< Of the request; or MAC.
  absl::Time issued_at, changed_at;
};

/// Owns the list and, where a path is given, a JSON file that is replaced as a whole on every change:
/// [{"serial","identity","spki","transaction","state":"ISSUED|CONFIRMED|REVOKED","reason","through","protection",
/// "issued_at","changed_at"}].
/// Any thread.
class Ledger {
 public:
  /// Empty path: memory only.
  explicit Ledger(std::string path) : path_(std::move(path)) { Write(); }

  void Add(LedgerEntry entry);
  /// NotFound. A revoked certificate stays revoked, with its first reason.
  absl::Status Set(const std::string& serial, CertificateState state, const std::string& reason = "");
  [[nodiscard]] std::vector<LedgerEntry> Entries() const;
  [[nodiscard]] std::optional<LedgerEntry> Find(const std::string& serial) const;
  /// Certificates that are not revoked.
  [[nodiscard]] int CountLive() const;

 private:
  void Write() const;
  const std::string path_;
  mutable std::mutex mutex_;
  std::vector<LedgerEntry> entries_;
};

/// The reason of what its device revoked.
inline constexpr char kAskedByRr[] = "asked by rr";

[[nodiscard]] std::string NameOf(CertificateState state);

}  // namespace henb::tests
