#include "henb-x2sec/revocation/list_cache.h"

#include "common/file.h"
#include "common/status.h"

namespace henb::x2sec::revocation {
namespace {

std::string FileOf(const std::string& directory, const common::SpkiHash& issuer) {
  return common::StrCat(directory, "/", issuer.ToHex(), ".crl");
}

}  // namespace

std::vector<std::string> ListCache::Load(const std::vector<common::Certificate>& issuers, const ListLimits& limits) {
  std::vector<std::string> problems;
  for (const common::Certificate& issuer : issuers) {
    const std::string path = FileOf(directory_, issuer.spki());
    const absl::StatusOr<std::string> der = common::ReadFile(path, limits.most_octets);
    if (absl::IsNotFound(der.status())) continue;
    absl::Status status = der.status();
    if (status.ok()) {
      auto list = VerifyCertificateList(*der, {issuer}, limits);
      status = list.ok() ? Take(*std::move(list)).status() : list.status();
    }
    if (!status.ok()) problems.push_back(common::StrCat(path, ": ", status.message()));
  }
  return problems;
}

absl::StatusOr<TakenList> ListCache::Take(CertificateList list) {
  const auto it = lists_.find(list.issuer_spki);
  if (it == lists_.end()) {
    TakenList taken{.changed = true, .newly_revoked = list.revoked};
    lists_.emplace(list.issuer_spki, std::move(list));
    return taken;
  }
  ASSIGN_OR_RETURN(const bool newer, Supersedes(list, it->second));
  if (!newer) return TakenList{};
  TakenList taken{.changed = true, .newly_revoked = NewlyRevoked(list, &it->second)};
  it->second = std::move(list);
  return taken;
}

absl::Status ListCache::Save(const std::string& directory, const common::SpkiHash& issuer, std::string_view der) {
  RETURN_IF_ERROR(common::MakeDirectories(directory, 0700));
  return common::WriteFileAtomically(FileOf(directory, issuer), der, 0600);
}

const CertificateList* ListCache::Find(const common::SpkiHash& issuer) const {
  const auto it = lists_.find(issuer);
  return it == lists_.end() ? nullptr : &it->second;
}

}  // namespace henb::x2sec::revocation
