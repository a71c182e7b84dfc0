#include "keydist-server/domain/root_sealer.h"

#include <algorithm>

#include "common/status.h"
#include "keydist-server/domain/pair_key.h"
#include "keydist-server/domain/software_kek.h"

namespace henb::keydist::domain {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kNonceAt = 1 + kKekIdSize;
constexpr std::size_t kTextAt = kNonceAt + kSealNonceSize;
static_assert(kTextAt + kRootSize + kSealTagSize == RootSealer::kSealedSize);

std::string AdditionalData(std::uint64_t epoch, std::string_view kek_id) {
  std::string data = "henb-x2sec/epoch-root/v1";
  data.push_back(kVersion);
  data.append(kek_id);
  for (int shift = 56; shift >= 0; shift -= 8) data.push_back(static_cast<char>(epoch >> shift));
  return data;
}

}  // namespace

std::string_view KekIdOf(std::string_view sealed) {
  if (sealed.size() != RootSealer::kSealedSize || sealed[0] != kVersion) return {};
  return sealed.substr(1, kKekIdSize);
}

absl::StatusOr<RootSealer> RootSealer::Of(std::vector<std::shared_ptr<Kek>> keks) {
  if (keks.empty()) return absl::InvalidArgumentError("no key-encryption key");
  for (std::size_t i = 0; i < keks.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (keks[i]->id() != keks[j]->id()) continue;
      return absl::InvalidArgumentError(common::StrCat(keks[i]->place(), " and ", keks[j]->place(),
                                                       " are the same KEK ", common::ToHex(keks[i]->id())));
    }
  }
  return RootSealer(std::move(keks));
}

absl::StatusOr<RootSealer> RootSealer::Make(common::SecretBytes kek) {
  ASSIGN_OR_RETURN(std::shared_ptr<SoftwareKek> one, SoftwareKek::Make(std::move(kek), "memory"));
  return Of({std::move(one)});
}

Kek* RootSealer::Find(std::string_view id) const {
  const auto found = std::find_if(keks_.begin(), keks_.end(), [&](const auto& kek) { return kek->id() == id; });
  return found == keks_.end() ? nullptr : found->get();
}

absl::StatusOr<std::string> RootSealer::Seal(std::string_view id, std::uint64_t epoch, const common::SecretBytes& root,
                                             common::Random& random) const {
  Kek* const kek = Find(id);
  if (kek == nullptr) {
    return absl::FailedPreconditionError(common::StrCat("the KEK ", common::ToHex(id), " is not at hand"));
  }
  SealNonce nonce;
  random.Fill(nonce);
  ASSIGN_OR_RETURN_CTX(const std::string text, kek->Encrypt(nonce, AdditionalData(epoch, id), root), kek->place());
  std::string sealed(1, kVersion);
  sealed.append(id).append(nonce.begin(), nonce.end()).append(text);
  return sealed;
}

absl::StatusOr<common::SecretBytes> RootSealer::Open(std::uint64_t epoch, std::string_view sealed) const {
  const std::string_view id = KekIdOf(sealed);
  if (id.empty()) {
    return absl::DataLossError(common::StrCat("root of epoch ", epoch, " is not a sealed root of this version"));
  }
  Kek* const kek = Find(id);
  if (kek == nullptr) {
    std::string given;
    for (const auto& one : keks_) common::StrAppend(&given, given.empty() ? "" : ", ", common::ToHex(one->id()));
    return absl::FailedPreconditionError(common::StrCat("root of epoch ", epoch, " was sealed under the KEK ",
                                                        common::ToHex(id), ", the KEK given is ", given));
  }
  SealNonce nonce;
  std::copy_n(sealed.begin() + kNonceAt, kSealNonceSize, nonce.begin());
  absl::StatusOr<common::SecretBytes> root = kek->Decrypt(nonce, AdditionalData(epoch, id), sealed.substr(kTextAt));
  if (absl::IsDataLoss(root.status())) {
    return absl::DataLossError(common::StrCat("root of epoch ", epoch, " was altered or belongs to another epoch"));
  }
  if (!root.ok()) return common::WithContext(root.status(), kek->place());
  return root;
}

}  // namespace henb::keydist::domain
