#include "henb-x2sec/ocspd/journal.h"

#include <nlohmann/json.hpp>

namespace henb::x2sec::ocspd {

void Journal::Add(const std::string& serial, revocation::Verdict verdict, absl::Time now) {
  if (entries_.size() == kMost) entries_.pop_front();
  entries_.push_back({serial, verdict, now});
}

std::string Journal::Json() const {
  nlohmann::json asked = nlohmann::json::array();
  for (const Entry& entry : entries_) {
    asked.push_back({{"serial", entry.serial.substr(0, 64)},
                     {"verdict", revocation::NameOf(entry.verdict)},
                     {"at_ms", absl::ToUnixMillis(entry.at)}});
  }
  return nlohmann::json{{"asked", std::move(asked)}}.dump();
}

}  // namespace henb::x2sec::ocspd
