#include "henb-x2sec/ocspd/journal.h"

#include <nlohmann/json.hpp>

namespace henb::x2sec::ocspd {

void Journal::Add(const revocation::Subject& subject, revocation::Verdict verdict, absl::Time now) {
  if (entries_.size() == kMost) entries_.pop_front();
  entries_.push_back({subject, verdict, now});
}

std::string Journal::Json() const {
  nlohmann::json asked = nlohmann::json::array();
  for (const Entry& entry : entries_) {
    asked.push_back({{"serial", entry.subject.serial.substr(0, 64)},
                     {"name_hash", entry.subject.name_hash.substr(0, 64)},
                     {"key_hash", entry.subject.key_hash.substr(0, 64)},
                     {"verdict", revocation::NameOf(entry.verdict)},
                     {"at_ms", absl::ToUnixMillis(entry.at)}});
  }
  return nlohmann::json{{"asked", std::move(asked)}}.dump();
}

}  // namespace henb::x2sec::ocspd
