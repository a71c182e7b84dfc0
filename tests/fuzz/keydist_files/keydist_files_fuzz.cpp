// What the key service and its operator's command line read from files, from etcd and from the command line: HeNBs to
// be imported, backups, audit records and signed heads, values in etcd, sealed roots, PKCS #11 URIs. The first octet
// picks which. What is taken must come out the same when it is written and read again.
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/digest.h"
#include "common/strings.h"
#include "keydist-server/ctl/henb_import.h"
#include "keydist-server/domain/audit_head.h"
#include "keydist-server/domain/audit_verifier.h"
#include "keydist-server/domain/backup.h"
#include "keydist-server/domain/root_sealer.h"
#include "keydist-server/pkcs11/pkcs11_uri.h"
#include "keydist-server/store/etcd_codec.h"

namespace {

using namespace henb::keydist;  // NOLINT(google-build-using-namespace)

void Require(bool holds) {
  if (!holds) std::abort();
}

void RequireNormal(const absl::StatusOr<domain::HenbRecord>& record) {
  if (!record.ok()) return;
  domain::HenbRecord again = *record;
  Require(domain::Normalise(&again).ok() && again == *record);
}

void Csv(std::string_view text) {
  const std::size_t end = text.find('\n');
  const auto parser = ctl::ImportParser::ForCsv(text.substr(0, end));
  static const auto usual = *ctl::ImportParser::ForCsv("id,anchor_spki_sha256,groups");
  RequireNormal((parser.ok() ? *parser : usual).Parse(end == std::string_view::npos ? text : text.substr(end + 1)));
}

void Backup(std::string_view text) {
  // The digest is seldom right by chance: the text may be what stands before it.
  std::string whole(text);
  whole += henb::common::StrCat("{\"sha256\":\"", henb::common::Sha256Digest::Of(text).ToHex(), "\"}\n");
  for (const std::string_view one : {text, std::string_view(whole)}) {
    const auto backup = domain::ReadBackup(one);
    if (!backup.ok()) continue;
    const auto again = domain::ReadBackup(domain::WriteBackup(*backup));
    Require(again.ok() && again->henbs == backup->henbs && again->pairs == backup->pairs &&
            again->highest_epoch == backup->highest_epoch);
  }
}

void Audit(std::string_view text) {
  domain::AuditVerifier verifier(/*partial=*/true);
  for (const std::string_view line : henb::common::Split(text, '\n')) {
    const std::uint64_t before = verifier.records();
    Require(verifier.Take(line).ok() == (verifier.records() == before + 1));
  }
}

void Head(std::string_view text) {
  static const auto signer = *domain::AuditHeadSigner::Make();
  Require(!signer.verifier().Check(text).ok());  // Signed by nobody.
}

void Etcd(std::string_view text) {
  static const store::EtcdKeys keys("k/");
  const std::size_t end = text.find('\n');
  const std::string_view key = text.substr(0, end);
  const std::string value(end == std::string_view::npos ? std::string_view() : text.substr(end + 1));
  if (const auto henb = store::DecodeHenb(keys, key, value); henb.ok()) {
    const auto again = store::DecodeHenb(keys, keys.Henb(henb->id), store::EncodeHenb(*henb));
    Require(again.ok() && *again == *henb);
  }
  if (const auto pair = store::DecodePair(keys, key, value); pair.ok())
    Require(keys.Pair(pair->pair).size() <= key.size());
  if (const auto epoch = store::DecodeEpoch(keys, key, value); epoch.ok()) {
    const auto again = store::DecodeEpoch(keys, keys.Epoch(epoch->number), store::EncodeEpoch(*epoch));
    Require(again.ok() && *again == *epoch);
  }
  if (const auto mark = store::DecodeMark(keys, key, value); mark.ok()) {
    const auto again = store::DecodeMark(keys, keys.Replicas() + mark->name, store::EncodeMark(*mark));
    Require(again.ok() && *again == *mark);
  }
  if (const auto schema = store::DecodeSchema(value); schema.ok()) {
    const auto again = store::DecodeSchema(store::EncodeSchema(*schema));
    Require(again.ok() && again->version == schema->version && again->kek == schema->kek);
  }
  store::DecodeChange(keys, key, value, 1).IgnoreError();
}

void Sealed(std::string_view text) {
  static const auto sealer = *domain::RootSealer::Make(henb::common::SecretBytes(32));
  std::string named(text);
  if (named.size() > domain::kKekIdSize) named.replace(1, domain::kKekIdSize, sealer.id());  // As if it were ours.
  Require(!sealer.Open(1, text).ok() && !sealer.Open(1, named).ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 8) {
    case 0:
      Csv(text);
      break;
    case 1:
      RequireNormal(ctl::ImportParser::ForJsonLines().Parse(text));
      break;
    case 2:
      Backup(text);
      break;
    case 3:
      Audit(text);
      break;
    case 4:
      Head(text);
      break;
    case 5:
      Etcd(text);
      break;
    case 6:
      Sealed(text);
      break;
    default:
      if (const auto uri = pkcs11::ParsePkcs11Uri("pkcs11:" + std::string(text)); uri.ok()) {
        Require(uri->module_path.starts_with('/') && uri->pin_file.starts_with('/') && !uri->Text().empty());
      }
      break;
  }
  return 0;
}
