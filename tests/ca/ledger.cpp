#include "tests/ca/ledger.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/file.h"
#include "common/log.h"
#include "common/status.h"

namespace henb::tests {

std::string NameOf(CertificateState state) {
  switch (state) {
    case CertificateState::kIssued:
      return "ISSUED";
    case CertificateState::kConfirmed:
      return "CONFIRMED";
    case CertificateState::kRevoked:
      break;
  }
  return "REVOKED";
}

void Ledger::Add(LedgerEntry entry) {
  const std::lock_guard lock(mutex_);
  common::LogInfo("ca.issued",
                  {{"serial", entry.serial}, {"identity", entry.identity}, {"transaction", entry.transaction}});
  entries_.push_back(std::move(entry));
  Write();
}

absl::Status Ledger::Set(const std::string& serial, CertificateState state, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  const auto it =
      std::find_if(entries_.begin(), entries_.end(), [&](const auto& each) { return each.serial == serial; });
  if (it == entries_.end()) return absl::NotFoundError(common::StrCat("no certificate ", serial));
  if (it->state == CertificateState::kRevoked) return absl::OkStatus();
  it->state = state;
  it->reason = reason;
  it->changed_at = absl::Now();
  common::LogInfo(state == CertificateState::kRevoked ? "ca.revoked" : "ca.confirmed",
                  {{"serial", serial}, {"reason", reason}});
  Write();
  return absl::OkStatus();
}

std::vector<LedgerEntry> Ledger::Entries() const {
  const std::lock_guard lock(mutex_);
  return entries_;
}

std::optional<LedgerEntry> Ledger::Find(const std::string& serial) const {
  for (LedgerEntry& each : Entries()) {
    if (each.serial == serial) return std::move(each);
  }
  return std::nullopt;
}

int Ledger::CountLive() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(std::count_if(entries_.begin(), entries_.end(),
                                        [](const auto& each) { return each.state != CertificateState::kRevoked; }));
}

void Ledger::Write() const {
  if (path_.empty()) return;
  nlohmann::json out = nlohmann::json::array();
  const auto time = [](absl::Time t) { return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", t, absl::UTCTimeZone()); };
  for (const LedgerEntry& each : entries_) {
    out.push_back({{"serial", each.serial},
                   {"identity", each.identity},
                   {"spki", each.spki},
                   {"transaction", each.transaction},
                   {"state", NameOf(each.state)},
                   {"reason", each.reason},
                   {"through", each.through},
                   {"protection", each.protection},
                   {"issued_at", time(each.issued_at)},
                   {"changed_at", time(each.changed_at)}});
  }
  const absl::Status written = common::WriteFileAtomically(path_, out.dump(1) + "\n", 0644);
  if (!written.ok()) common::LogAlarm("ca.ledger_not_written", {{"error", written}});
}

}  // namespace henb::tests
