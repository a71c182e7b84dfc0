#include "keydist-server/domain/audit_head.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <charconv>

#include "common/certificate.h"
#include "common/status.h"

namespace henb::keydist::domain {
namespace {

constexpr std::string_view kContext = "henb-x2sec/audit-head/v1\n";
constexpr std::string_view kStart = "{\"seq\":";
constexpr std::string_view kHash = ",\"hash\":\"";
constexpr std::string_view kAt = "\",\"at\":\"";
constexpr std::string_view kReplica = "\",\"replica\":\"";
constexpr std::string_view kSignature = "\",\"signature\":\"";
constexpr std::string_view kEnd = "\"}";
constexpr std::size_t kSignatureSize = 64;
constexpr char kTimeFormat[] = "%Y-%m-%dT%H:%M:%E6SZ";

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

std::shared_ptr<EVP_PKEY> Own(EVP_PKEY* key) { return {key, &EVP_PKEY_free}; }

absl::StatusOr<std::shared_ptr<EVP_PKEY>> OnlyEd25519(EVP_PKEY* key) {
  std::shared_ptr<EVP_PKEY> owned = Own(key);
  if (key == nullptr || EVP_PKEY_is_a(key, "ED25519") != 1) {
    static_cast<void>(common::DrainOpensslErrors());
    return absl::InvalidArgumentError("not a PEM key of Ed25519");
  }
  return owned;
}

std::string ToBeSigned(std::string_view body) { return common::StrCat(kContext, body); }
const unsigned char* Octets(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string_view Content(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, size > 0 ? static_cast<std::size_t>(size) : 0};
}

/// Takes `text` off the front of `rest`.
bool Skip(std::string_view text, std::string_view* rest) {
  if (!rest->starts_with(text)) return false;
  rest->remove_prefix(text.size());
  return true;
}

/// What stands before the next quote.
std::string_view TakeText(std::string_view* rest) {
  const std::string_view text = rest->substr(0, rest->find('"'));
  rest->remove_prefix(text.size());
  return text;
}

bool ParseBody(std::string_view rest, AuditHead* head) {
  if (!Skip(kStart, &rest)) return false;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), head->chain.sequence);
  if (error != std::errc()) return false;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  if (!Skip(kHash, &rest)) return false;
  const auto hash = common::Sha256Digest::ParseHex(TakeText(&rest));
  if (!hash.ok() || !Skip(kAt, &rest)) return false;
  head->chain.hash = *hash;
  std::string ignored;
  if (!absl::ParseTime(kTimeFormat, common::ToAbsl(TakeText(&rest)), &head->at, &ignored) || !Skip(kReplica, &rest)) {
    return false;
  }
  head->replica = rest;
  return IsReplicaName(head->replica);
}

}  // namespace

bool IsReplicaName(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
  });
}

absl::StatusOr<AuditHeadVerifier> AuditHeadVerifier::FromPem(std::string_view pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  ASSIGN_OR_RETURN(std::shared_ptr<EVP_PKEY> key,
                   OnlyEd25519(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr)));
  return AuditHeadVerifier(std::move(key));
}

absl::StatusOr<AuditHead> AuditHeadVerifier::Check(std::string_view line) const {
  constexpr std::size_t kTail = kSignature.size() + 2 * kSignatureSize + kEnd.size();
  if (line.size() < kTail || !line.ends_with(kEnd)) return absl::DataLossError("not a signed head");
  // The quote that ends the replica's name belongs to what is signed.
  const std::string_view body = line.substr(0, line.size() - kTail + 1);
  std::string_view tail = line.substr(line.size() - kTail);
  if (!Skip(kSignature, &tail)) return absl::DataLossError("not a signed head");
  const auto signature = common::FromHex(tail.substr(0, 2 * kSignatureSize));
  if (!signature) return absl::DataLossError("not a signed head");
  const DigestContext context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  const std::string message = ToBeSigned(body);
  if (!context || EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestVerify(context.get(), Octets(*signature), signature->size(), Octets(message), message.size()) != 1) {
    static_cast<void>(common::DrainOpensslErrors());
    return absl::DataLossError("a head that was not signed with this key");
  }
  AuditHead head;
  if (!ParseBody(body.substr(0, body.size() - 1), &head)) return absl::DataLossError("not a signed head");
  return head;
}

absl::StatusOr<AuditHeadSigner> AuditHeadSigner::Make() {
  std::shared_ptr<EVP_PKEY> key = Own(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (!key) return absl::InternalError(common::StrCat("no key made: ", common::DrainOpensslErrors()));
  return AuditHeadSigner(std::move(key));
}

absl::StatusOr<AuditHeadSigner> AuditHeadSigner::FromPem(const common::SecretBytes& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  const auto no_password = [](char*, int, int, void*) { return 0; };
  ASSIGN_OR_RETURN(std::shared_ptr<EVP_PKEY> key,
                   OnlyEd25519(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr)));
  return AuditHeadSigner(std::move(key));
}

absl::StatusOr<common::SecretBytes> AuditHeadSigner::PrivatePem() const {
  const Bio bio(BIO_new(BIO_s_secmem()), &BIO_free);
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return absl::InternalError(common::StrCat("private key not written: ", common::DrainOpensslErrors()));
  }
  return common::SecretBytes::CopyOf(Content(bio.get()));
}

absl::StatusOr<std::string> AuditHeadSigner::PublicPem() const {
  const Bio bio(BIO_new(BIO_s_mem()), &BIO_free);
  if (!bio || PEM_write_bio_PUBKEY(bio.get(), key_.get()) != 1) {
    return absl::InternalError(common::StrCat("public key not written: ", common::DrainOpensslErrors()));
  }
  return std::string(Content(bio.get()));
}

absl::StatusOr<std::string> AuditHeadSigner::Sign(const AuditHead& head) const {
  if (!IsReplicaName(head.replica)) return absl::InvalidArgumentError("a replica's name is one of letters and digits");
  std::string line =
      common::StrCat(kStart, head.chain.sequence, kHash, head.chain.hash.ToHex(), kAt,
                     absl::FormatTime(kTimeFormat, head.at, absl::UTCTimeZone()), kReplica, head.replica, "\"");
  std::string signature(kSignatureSize, '\0');
  std::size_t size = signature.size();
  const DigestContext context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  const std::string message = ToBeSigned(line);
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, Octets(message),
                     message.size()) != 1 ||
      size != kSignatureSize) {
    return absl::InternalError(common::StrCat("head not signed: ", common::DrainOpensslErrors()));
  }
  common::StrAppend(&line, kSignature.substr(1), common::ToHex(signature), kEnd, "\n");
  return line;
}

}  // namespace henb::keydist::domain
