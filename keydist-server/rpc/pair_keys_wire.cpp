#include "keydist-server/rpc/pair_keys_wire.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/slice.h>

#include <algorithm>
#include <cstring>

#include "common/secret_bytes.h"
#include "common/status.h"

namespace henb::keydist::rpc {
namespace {

using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;
using Byte = std::uint8_t;

constexpr Byte Tag(int field, int wire_type) { return static_cast<Byte>(field << 3 | wire_type); }
constexpr int kVarint = 0;
constexpr int kBytes = 2;

std::size_t VarintSize(std::uint64_t value) { return CodedOutputStream::VarintSize64(value); }
/// Of a length-delimited field: tag, length, content.
std::size_t FieldSize(std::size_t content) { return 1 + VarintSize(content) + content; }

Byte* PutVarint(Byte tag, std::uint64_t value, Byte* at) {
  *at++ = tag;
  return CodedOutputStream::WriteVarint64ToArray(value, at);
}

Byte* PutLength(int field, std::size_t size, Byte* at) { return PutVarint(Tag(field, kBytes), size, at); }

Byte* PutBytes(int field, std::string_view bytes, Byte* at) {
  at = PutLength(field, bytes.size(), at);
  std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}

std::uint64_t Seconds(absl::Duration duration) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, absl::ToInt64Seconds(duration)));
}

/// Those octets of a PairKey that are the same for every peer of the answer.
class KeyFrame {
 public:
  KeyFrame(const service::ActiveEpochs::One& epoch, std::uint32_t local_generation, absl::Time now) {
    Byte* at = PutVarint(Tag(1, kVarint), epoch.span.number, before_.data());
    at = PutVarint(Tag(2, kVarint), local_generation, at);
    before_size_ = static_cast<std::size_t>(at - before_.data());
    at = after_.data();
    // Rounded up: the key is never used before its time.
    const std::uint64_t activate = Seconds(epoch.span.activates - now + absl::Seconds(1) - absl::Nanoseconds(1));
    if (activate > 0) at = PutVarint(Tag(5, kVarint), activate, at);
    if (const std::uint64_t expire = Seconds(epoch.span.expires - now); expire > 0)
      at = PutVarint(Tag(6, kVarint), expire, at);
    after_size_ = static_cast<std::size_t>(at - after_.data());
  }
  /// Of the PairKey's content.
  [[nodiscard]] std::size_t SizeWith(std::uint32_t peer_generation) const {
    return before_size_ + 1 + VarintSize(peer_generation) + 2 + domain::kPairKeySize + after_size_;
  }
  /// `field` of PairKeys.
  Byte* Put(int field, const domain::EpochKeys& keys, const domain::KeyEnd& self, const domain::KeyEnd& peer,
            domain::Purpose purpose, Byte* at) const {
    at = PutLength(field, SizeWith(peer.generation), at);
    std::memcpy(at, before_.data(), before_size_);
    at = PutVarint(Tag(3, kVarint), peer.generation, at + before_size_);
    at = PutLength(4, domain::kPairKeySize, at);
    keys.Derive(self, peer, purpose, std::span<Byte, domain::kPairKeySize>(at, domain::kPairKeySize));
    at += domain::kPairKeySize;
    std::memcpy(at, after_.data(), after_size_);
    return at + after_size_;
  }

 private:
  std::array<Byte, 22> before_;
  std::array<Byte, 22> after_;
  std::size_t before_size_ = 0;
  std::size_t after_size_ = 0;
};

std::size_t FactsSize(const service::Registration& facts) {
  std::size_t size = facts.cmpv2 ? 2 : 0;
  for (const std::string& address : facts.x2_addresses) size += FieldSize(address.size());
  return size + facts.anchors.size() * FieldSize(32);
}

Byte* PutFacts(const service::Registration& facts, std::size_t size, Byte* at) {
  at = PutLength(3, size, at);
  for (const std::string& address : facts.x2_addresses) at = PutBytes(1, address, at);
  if (facts.cmpv2) at = PutVarint(Tag(2, kVarint), 1, at);
  for (const common::SpkiHash& anchor : facts.anchors) at = PutBytes(3, anchor.bytes(), at);
  return at;
}

struct Sizes {
  std::size_t facts = 0;
  std::size_t keys = 0;    ///< Content of PairKeys.
  std::size_t result = 0;  ///< Content of PairResult.
};

void WipeAndFree(void* memory, std::size_t size) {
  common::Zeroise(memory, size);
  ::operator delete(memory);
}

}  // namespace

absl::Status ReadPairKeysQuery(std::string_view message, PairKeysQuery* query) {
  using google::protobuf::internal::WireFormatLite;
  const auto malformed = [] { return absl::InvalidArgumentError("not a GetPairKeysRequest"); };
  CodedInputStream in(reinterpret_cast<const Byte*>(message.data()), static_cast<int>(message.size()));
  query->count = 0;
  std::uint64_t purpose = 0;
  while (in.CurrentPosition() < static_cast<int>(message.size())) {
    const std::uint32_t tag = in.ReadTagNoLastTag();
    if (tag == 0) return malformed();
    if (tag == Tag(1, kBytes)) {
      std::uint32_t size = 0;
      const int at = in.ReadVarint32(&size) ? in.CurrentPosition() : -1;
      if (at < 0 || size > message.size() - static_cast<std::size_t>(at)) return malformed();
      if (query->count == service::kMaxPeers) {
        return absl::InvalidArgumentError(common::StrCat("peers: more than ", service::kMaxPeers));
      }
      if (size > common::HenbId::kMaxLength) {
        return absl::InvalidArgumentError(common::StrCat("peers[", query->count, "]: longer than an identity"));
      }
      query->names[query->count++] = message.substr(static_cast<std::size_t>(at), size);
      if (!in.Skip(static_cast<int>(size))) return malformed();
    } else if (tag == Tag(2, kVarint)) {
      if (!in.ReadVarint64(&purpose)) return malformed();
    } else if (!WireFormatLite::SkipField(&in, tag)) {
      return malformed();
    }
  }
  if (query->count == 0) return absl::InvalidArgumentError("peers: none");
  if (purpose != 1 && purpose != 2) return absl::InvalidArgumentError("purpose: neither IKE_PSK nor PPK");
  query->purpose = static_cast<domain::Purpose>(purpose);
  return absl::OkStatus();
}

grpc::Slice WritePairKeysAnswer(std::string_view caller, const PairKeysQuery& query,
                                const service::Decision& decision) {
  using domain::PairVerdict;
  const service::ActiveEpochs::One* next_epoch = decision.pick.next;
  const KeyFrame current(*decision.pick.current, decision.caller.generation, decision.now);
  const KeyFrame next(next_epoch != nullptr ? *next_epoch : *decision.pick.current, decision.caller.generation,
                      decision.now);
  std::array<Sizes, service::kMaxPeers> sizes;
  std::size_t total = 0;
  for (std::size_t i = 0; i < query.count; ++i) {
    const service::PeerView& peer = decision.peers[i];
    Sizes& size = sizes[i];
    size.result = FieldSize(query.names[i].size()) + 2;  // A denial: tag and one octet.
    if (peer.verdict == PairVerdict::kAllowed) {
      size.keys = FieldSize(current.SizeWith(peer.generation));
      if (next_epoch != nullptr) size.keys += FieldSize(next.SizeWith(peer.generation));
      if (peer.facts) {
        size.facts = FactsSize(*peer.facts);
        size.keys += FieldSize(size.facts);
      }
      size.result = FieldSize(query.names[i].size()) + FieldSize(size.keys);
    }
    total += FieldSize(size.result);
  }

  void* memory = ::operator new(total);
  Byte* at = static_cast<Byte*>(memory);
  const domain::KeyEnd self{caller, decision.caller.generation};
  for (std::size_t i = 0; i < query.count; ++i) {
    const service::PeerView& view = decision.peers[i];
    at = PutLength(1, sizes[i].result, at);
    at = PutBytes(1, query.names[i], at);
    if (view.verdict != PairVerdict::kAllowed) {
      at = PutVarint(Tag(3, kVarint), view.verdict == PairVerdict::kPeerSuspended ? 2 : 1, at);
      continue;
    }
    const domain::KeyEnd peer{query.names[i], view.generation};
    at = PutLength(2, sizes[i].keys, at);
    at = current.Put(1, *decision.pick.current->keys, self, peer, query.purpose, at);
    if (next_epoch != nullptr) at = next.Put(2, *next_epoch->keys, self, peer, query.purpose, at);
    if (view.facts) at = PutFacts(*view.facts, sizes[i].facts, at);
  }
  return {memory, total, &WipeAndFree};
}

}  // namespace henb::keydist::rpc
