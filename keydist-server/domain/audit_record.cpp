#include "keydist-server/domain/audit_record.h"

#include <cryptopp/sha.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "common/status.h"
#include "keydist-server/domain/hex.h"

namespace henb::keydist::domain {
namespace {

constexpr std::string_view kStart = "{\"seq\":";
constexpr std::string_view kHashKey = ",\"hash\":\"";
constexpr std::size_t kTailSize = kHashKey.size() + 64 + 2;

void AppendNumber(std::uint64_t value, std::string* out) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out->append(digits, end);
}

void AppendText(std::string_view text, std::string* out) {
  constexpr char kHex[] = "0123456789abcdef";
  const auto plain = [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; };
  out->push_back('"');
  if (std::all_of(text.begin(), text.end(), plain)) {
    out->append(text).push_back('"');
    return;
  }
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (octet < 0x20 || octet >= 0x7f) {
      out->append("\\u00");
      out->push_back(kHex[octet >> 4]);
      out->push_back(kHex[octet & 15]);
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

void AppendMember(std::string_view key, std::string_view value, std::string* out) {
  if (value.empty()) return;
  out->append(",\"").append(key).append("\":");
  AppendText(value, out);
}

void AppendMember(std::string_view key, std::uint64_t value, std::string* out) {
  if (value == 0) return;
  out->append(",\"").append(key).append("\":");
  AppendNumber(value, out);
}

void AppendPeers(const std::vector<AuditedPeer>& peers, std::string* out) {
  if (peers.empty()) return;
  out->append(",\"peers\":[");
  for (std::size_t i = 0; i < peers.size(); ++i) {
    out->append(i == 0 ? "{\"peer\":" : ",{\"peer\":");
    AppendText(peers[i].peer, out);
    AppendMember("outcome", peers[i].outcome, out);
    AppendMember("generation", peers[i].generation, out);
    out->push_back('}');
  }
  out->push_back(']');
}

/// With Crypto++, which needs no memory of its own: this is done for every record, by one thread for all.
common::Sha256Digest ChainHash(const common::Sha256Digest& before, std::string_view body) {
  CryptoPP::SHA256 sha;
  sha.Update(reinterpret_cast<const CryptoPP::byte*>(before.bytes().data()), before.bytes().size());
  sha.Update(reinterpret_cast<const CryptoPP::byte*>(body.data()), body.size());
  std::array<char, CryptoPP::SHA256::DIGESTSIZE> digest;
  sha.Final(reinterpret_cast<CryptoPP::byte*>(digest.data()));
  return *common::Sha256Digest::FromBytes({digest.data(), digest.size()});
}

/// Civil time with microseconds, without the cost of a format string.
void AppendTime(absl::Time at, std::string* out) {
  out->append(",\"at\":\"");
  const std::int64_t micros = absl::ToUnixMicros(at);
  static thread_local std::int64_t last_second = -1;
  static thread_local std::string last_text;
  const std::int64_t second = micros >= 0 ? micros / 1'000'000 : (micros - 999'999) / 1'000'000;
  if (second != last_second) {
    last_text = absl::FormatTime("%Y-%m-%dT%H:%M:%S", absl::FromUnixSeconds(second), absl::UTCTimeZone());
    last_second = second;
  }
  out->append(last_text).push_back('.');
  std::int64_t rest = micros - second * 1'000'000;
  char digits[6];
  for (int i = 5; i >= 0; --i, rest /= 10) digits[i] = static_cast<char>('0' + rest % 10);
  out->append(digits, sizeof digits).append("Z\"");
}

}  // namespace

void RenderRecord(const AuditRecord& record, std::string* out) {
  AppendTime(record.at, out);
  AppendMember("event", record.event, out);
  AppendMember("actor", record.actor, out);
  AppendMember("anchor", record.anchor, out);
  AppendMember("generation", record.generation, out);
  AppendMember("epoch", record.epoch, out);
  AppendMember("next_epoch", record.next_epoch, out);
  AppendMember("purpose", record.purpose, out);
  AppendPeers(record.peers, out);
  AppendMember("detail", record.detail, out);
}

ChainHead ChainRendered(const ChainHead& head, std::string_view rendered, std::string* out) {
  const std::size_t start = out->size();
  ChainHead next{.sequence = head.sequence + 1, .hash = {}};
  out->append(kStart);
  AppendNumber(next.sequence, out);
  out->append(rendered);
  next.hash = ChainHash(head.hash, std::string_view(*out).substr(start));
  out->append(kHashKey);
  AppendHex(next.hash.bytes(), out);
  out->append("\"}\n");
  return next;
}

ChainHead AppendLine(const ChainHead& head, const AuditRecord& record, std::string* out) {
  std::string rendered;
  RenderRecord(record, &rendered);
  return ChainRendered(head, rendered, out);
}

absl::StatusOr<ChainHead> CheckLine(const ChainHead& head, std::string_view line, bool anywhere) {
  if (line.size() < kStart.size() + kTailSize || !line.starts_with(kStart) || !line.ends_with("\"}") ||
      line.substr(line.size() - kTailSize, kHashKey.size()) != kHashKey) {
    return absl::DataLossError(common::StrCat("audit record after ", head.sequence, " is not whole"));
  }
  const std::string_view body = line.substr(0, line.size() - kTailSize);
  ChainHead next;
  const char* digits = body.data() + kStart.size();
  const auto [end, error] = std::from_chars(digits, body.data() + body.size(), next.sequence);
  const bool numbered = error == std::errc() && (anywhere || next.sequence == head.sequence + 1);
  if (!numbered) return absl::DataLossError(common::StrCat("audit record ", head.sequence + 1, " is missing"));
  ASSIGN_OR_RETURN_CTX(next.hash, common::Sha256Digest::ParseHex(line.substr(line.size() - 66, 64)),
                       common::StrCat("audit record ", next.sequence));
  if (anywhere && head.sequence == 0) return next;
  if (ChainHash(head.hash, body) != next.hash) {
    return absl::DataLossError(common::StrCat("audit record ", next.sequence, " was altered"));
  }
  return next;
}

}  // namespace henb::keydist::domain
