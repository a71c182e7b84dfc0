#include "henb-x2sec/app/keys/key_ledger.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/file.h"
#include "common/log.h"
#include "common/status.h"

namespace henb::x2sec::app {
namespace {

using common::HenbId;
using common::StrCat;
using nlohmann::json;
using Entries = std::map<HenbId, KeyLedger::Entry>;

constexpr std::size_t kLargestFile = 4U << 20;

absl::StatusOr<std::uint64_t> Number(const json& object, const char* name, std::uint64_t most) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_unsigned() || found->get<std::uint64_t>() > most) {
    return absl::InvalidArgumentError(StrCat(name, ": not a number of this field"));
  }
  return found->get<std::uint64_t>();
}

absl::StatusOr<KeyLedger::Entry> EntryOf(const json& object) {
  constexpr std::uint64_t kMostGeneration = std::numeric_limits<std::uint32_t>::max();
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  if (!object.is_object()) return absl::InvalidArgumentError("not an object");
  ASSIGN_OR_RETURN(const std::uint64_t epoch, Number(object, "epoch", kMost));
  ASSIGN_OR_RETURN(const std::uint64_t local, Number(object, "generation_local", kMostGeneration));
  ASSIGN_OR_RETURN(const std::uint64_t peer, Number(object, "generation_peer", kMostGeneration));
  ASSIGN_OR_RETURN(const std::uint64_t end, Number(object, "expire_at_ms", kMost));
  return KeyLedger::Entry{
      .version = {epoch, static_cast<std::uint32_t>(local), static_cast<std::uint32_t>(peer)},
      .expire_at = absl::Milliseconds(static_cast<std::int64_t>(end)),
  };
}

/// {"keys": {"henb-b.example": {"epoch": 7, "generation_local": 1, "generation_peer": 3, "expire_at_ms": 86400000}}}
absl::StatusOr<Entries> Parse(const std::string& text) {
  const json root = json::parse(text, nullptr, false);
  if (!root.is_object() || !root.contains("keys") || !root["keys"].is_object()) {
    return absl::InvalidArgumentError("not an object with the field \"keys\"");
  }
  Entries entries;
  for (const auto& [name, value] : root["keys"].items()) {
    const std::string place = StrCat("keys[", common::Quoted(name, 220), "]");
    ASSIGN_OR_RETURN_CTX(HenbId peer, HenbId::Parse(name), place);
    ASSIGN_OR_RETURN_CTX(entries[std::move(peer)], EntryOf(value), place);
  }
  return entries;
}

std::string Render(const Entries& entries) {
  json keys = json::object();
  for (const auto& [peer, entry] : entries) {
    keys[peer.str()] = {{"epoch", entry.version.epoch},
                        {"generation_local", entry.version.generation_local},
                        {"generation_peer", entry.version.generation_peer},
                        {"expire_at_ms", absl::ToInt64Milliseconds(entry.expire_at)}};
  }
  return json{{"keys", std::move(keys)}}.dump(1) + "\n";
}

absl::StatusOr<Entries> Load(const std::string& path) {
  const absl::StatusOr<std::string> text = common::ReadFile(path, kLargestFile);
  if (absl::IsNotFound(text.status())) return Entries();
  if (!text.ok()) return text.status();
  return Parse(*text);
}

}  // namespace

KeyLedger::KeyLedger(std::string path) : path_(std::move(path)) {
  absl::StatusOr<Entries> entries = Load(path_);
  if (entries.ok()) {
    entries_ = *std::move(entries);
  } else {
    common::LogAlarm("key.ledger_damaged", {{"path", path_}, {"error", entries.status()}});
  }
}

const KeyLedger::Entry* KeyLedger::Find(const HenbId& peer) const {
  const auto found = entries_.find(peer);
  return found == entries_.end() ? nullptr : &found->second;
}

std::set<HenbId> KeyLedger::Peers() const {
  std::set<HenbId> peers;
  for (const auto& [peer, entry] : entries_) peers.insert(peer);
  return peers;
}

void KeyLedger::Keep(const HenbId& peer, const Entry& entry) {
  const auto [at, added] = entries_.try_emplace(peer, entry);
  if (!added && std::exchange(at->second, entry) == entry) return;
  Write();
}

void KeyLedger::Erase(const HenbId& peer) {
  if (entries_.erase(peer) > 0) Write();
}

void KeyLedger::EraseAllBut(const std::set<HenbId>& peers) {
  if (std::erase_if(entries_, [&](const auto& entry) { return !peers.contains(entry.first); }) > 0) Write();
}

void KeyLedger::Write() {
  const absl::Status written = common::WriteFileAtomically(path_, Render(entries_), 0600);
  if (!written.ok()) common::LogWarning("key.ledger_not_written", {{"error", written}});
}

}  // namespace henb::x2sec::app
