#include "henb-x2sec/enrol/envelope.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>

#include "common/status.h"
#include "henb-x2sec/enrol/der_reader.h"

namespace henb::x2sec::enrol {
namespace {

using common::SecretBytes;
using namespace std::string_view_literals;

constexpr std::size_t kLargest = 16U << 10;
constexpr std::size_t kKeySize = 32;
constexpr std::size_t kWrappedSize = kKeySize + 8;
constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kTagSize = 16;

// Whole elements, as DER has them.
constexpr std::string_view kAuthEnvelopedData = "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17"sv;
constexpr std::string_view kData = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"sv;
constexpr std::string_view kAes256Gcm = "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2e"sv;
constexpr std::string_view kOaepSha256 =
    "\x30\x38\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07\x30\x2b\xa0\x0d\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04"
    "\x02\x01\xa1\x1a\x30\x18\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04"
    "\x02\x01"sv;
/// dhSinglePass-stdDH-sha256kdf-scheme with id-aes256-wrap (RFC 5753 §7.1.4).
constexpr std::string_view kEcdhSha256Aes256Wrap =
    "\x30\x15\x06\x06\x2b\x81\x04\x01\x0b\x01\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2d"sv;
constexpr std::string_view kEcPublicKey = "\x30\x09\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"sv;
/// ECC-CMS-SharedInfo for id-aes256-wrap, no ukm (RFC 5753 §7.2); the counter of X9.63's KDF stands before it.
constexpr std::string_view kSharedInfo =
    "\x00\x00\x00\x01"
    "\x30\x15\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2d\xa2\x06\x04\x04\x00\x00\x01\x00"sv;

absl::Status Wrong(std::string_view what) {
  return absl::InvalidArgumentError(common::StrCat("the credential's envelope ", what));
}

struct Context {
  const common::Certificate& device;
  const std::string& ckaid;
  core::DeviceDecryption& keys;
};

/// Ends the list that `reader` walks through with the very element.
absl::Status ExpectThis(DerReader& reader, std::string_view element, std::string_view what) {
  ASSIGN_OR_RETURN(const DerElement found, reader.Next());
  return found.whole == element ? absl::OkStatus() : Wrong(what);
}

/// IssuerAndSerialNumber of the device's certificate.
absl::Status ExpectRecipient(DerReader& reader, const common::Certificate& device) {
  ASSIGN_OR_RETURN(const DerElement element, reader.Expect(DerElement::kSequence));
  DerReader fields(element.contents);
  ASSIGN_OR_RETURN(const DerElement issuer, fields.Expect(DerElement::kSequence));
  ASSIGN_OR_RETURN(const DerElement serial, fields.Expect(DerElement::kInteger));
  if (!fields.at_end()) return Wrong("names its recipient in another way");
  const auto encoded = [](auto i2d, auto* object) {
    unsigned char* der = nullptr;
    const int size = i2d(object, &der);
    std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(std::max(size, 0)));
    OPENSSL_free(der);
    return out;
  };
  if (issuer.whole == encoded(i2d_X509_NAME, X509_get_issuer_name(device.get())) &&
      serial.whole == encoded(i2d_ASN1_INTEGER, X509_get_serialNumber(device.get()))) {
    return absl::OkStatus();
  }
  return Wrong("is for another device than the one whose vendor certificate is here");
}

absl::StatusOr<SecretBytes> OpenKeyTransport(std::string_view contents, const Context& context) {
  DerReader reader(contents);
  RETURN_IF_ERROR(ExpectThis(reader, "\x02\x01\x00"sv, "names its recipient in another way"));
  RETURN_IF_ERROR(ExpectRecipient(reader, context.device));
  RETURN_IF_ERROR(ExpectThis(reader, kOaepSha256, "is not encrypted by RSAES-OAEP with SHA-256"));
  ASSIGN_OR_RETURN(const DerElement encrypted, reader.Expect(DerElement::kOctetString));
  if (!reader.at_end()) return Wrong("has fields that it should not have");
  ASSIGN_OR_RETURN_CTX(SecretBytes key, context.keys.DecryptOaep(context.ckaid, encrypted.contents),
                       "the credential's envelope");
  return key;
}

absl::StatusOr<SecretBytes> Unwrap(SecretBytes agreed, std::string_view wrapped) {
  // One block of the KDF is as long as the key.
  agreed.Append(kSharedInfo);
  SecretBytes wrapping(kKeySize);
  SecretBytes key(kKeySize + 8);
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> cipher(EVP_CIPHER_CTX_new(),
                                                                               EVP_CIPHER_CTX_free);
  EVP_CIPHER_CTX_set_flags(cipher.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  int size = 0;
  const bool opened =
      wrapped.size() == kWrappedSize &&
      EVP_Digest(agreed.data(), agreed.size(), wrapping.data(), nullptr, EVP_sha256(), nullptr) == 1 &&
      EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_wrap(), nullptr, wrapping.data(), nullptr) == 1 &&
      EVP_DecryptUpdate(cipher.get(), key.data(), &size, reinterpret_cast<const unsigned char*>(wrapped.data()),
                        static_cast<int>(wrapped.size())) == 1 &&
      size == static_cast<int>(kKeySize);
  (void)common::DrainOpensslErrors();
  if (!opened) return Wrong("does not open with this device's key");
  return SecretBytes::CopyOf(key.span().first(kKeySize));
}

absl::StatusOr<SecretBytes> OpenKeyAgreement(std::string_view contents, const Context& context) {
  DerReader reader(contents);
  RETURN_IF_ERROR(ExpectThis(reader, "\x02\x01\x03"sv, "has another version"));
  ASSIGN_OR_RETURN(const DerElement originator, reader.Expect(DerElement::Context(0)));
  DerReader choice(originator.contents);
  ASSIGN_OR_RETURN(const DerElement public_key, choice.Expect(DerElement::Context(1)));
  DerReader key_reader(public_key.contents);
  RETURN_IF_ERROR(ExpectThis(key_reader, kEcPublicKey, "does not bring a fresh EC key"));
  ASSIGN_OR_RETURN(const DerElement point, key_reader.Expect(DerElement::kBitString));
  if (point.contents.empty() || point.contents.front() != '\0') return Wrong("does not bring a fresh EC key");
  RETURN_IF_ERROR(ExpectThis(reader, kEcdhSha256Aes256Wrap, "is not encrypted by ECDH with SHA-256 and AES-256"));
  ASSIGN_OR_RETURN(const DerElement list, reader.Expect(DerElement::kSequence));
  DerReader keys(list.contents);
  ASSIGN_OR_RETURN(const DerElement one, keys.Expect(DerElement::kSequence));
  if (!keys.at_end() || !reader.at_end()) return Wrong("has several recipients");
  DerReader fields(one.contents);
  RETURN_IF_ERROR(ExpectRecipient(fields, context.device));
  ASSIGN_OR_RETURN(const DerElement wrapped, fields.Expect(DerElement::kOctetString));
  if (!fields.at_end()) return Wrong("has fields that it should not have");
  ASSIGN_OR_RETURN_CTX(SecretBytes agreed, context.keys.Agree(context.ckaid, point.contents.substr(1)),
                       "the credential's envelope");
  return Unwrap(std::move(agreed), wrapped.contents);
}

struct Sealed {
  std::string_view nonce;
  std::string_view ciphertext;
};

absl::StatusOr<Sealed> ParseContent(std::string_view contents) {
  DerReader reader(contents);
  RETURN_IF_ERROR(ExpectThis(reader, kData, "holds something else than data"));
  ASSIGN_OR_RETURN(const DerElement algorithm, reader.Expect(DerElement::kSequence));
  DerReader parts(algorithm.contents);
  RETURN_IF_ERROR(ExpectThis(parts, kAes256Gcm, "is not encrypted by AES-256-GCM"));
  ASSIGN_OR_RETURN(const DerElement parameters, parts.Expect(DerElement::kSequence));
  DerReader gcm(parameters.contents);
  ASSIGN_OR_RETURN(const DerElement nonce, gcm.Expect(DerElement::kOctetString));
  RETURN_IF_ERROR(ExpectThis(gcm, "\x02\x01\x10"sv, "has a tag that is not of 16 octets"));
  if (!gcm.at_end() || !parts.at_end() || nonce.contents.size() != kNonceSize) return Wrong("has a wrong nonce");
  constexpr std::uint8_t kEncryptedContent = 0x80;  // [0] IMPLICIT OCTET STRING
  ASSIGN_OR_RETURN(const DerElement ciphertext, reader.Expect(kEncryptedContent));
  if (!reader.at_end()) return Wrong("has fields that it should not have");
  return Sealed{nonce.contents, ciphertext.contents};
}

absl::StatusOr<SecretBytes> Decrypt(const SecretBytes& key, const Sealed& sealed, std::string tag) {
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> cipher(EVP_CIPHER_CTX_new(),
                                                                               EVP_CIPHER_CTX_free);
  SecretBytes out(sealed.ciphertext.size());
  const auto octets = [](std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); };
  int size = 0;
  int rest = 0;
  unsigned char none[16];
  const bool opened =
      key.size() == kKeySize && tag.size() == kTagSize &&
      EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(), octets(sealed.nonce)) == 1 &&
      EVP_DecryptUpdate(cipher.get(), out.data(), &size, octets(sealed.ciphertext),
                        static_cast<int>(sealed.ciphertext.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(kTagSize), tag.data()) == 1 &&
      EVP_DecryptFinal_ex(cipher.get(), none, &rest) == 1;
  (void)common::DrainOpensslErrors();
  if (!opened) return Wrong("does not open with this device's key");
  return out;
}

}  // namespace

absl::StatusOr<SecretBytes> OpenEnvelope(std::string_view der, const common::Certificate& device,
                                         const std::string& ckaid, core::DeviceDecryption& keys) {
  if (der.size() > kLargest) return Wrong("is too large");
  const auto parse = [&]() -> absl::StatusOr<SecretBytes> {
    DerReader outer(der);
    ASSIGN_OR_RETURN(const DerElement content_info, outer.Expect(DerElement::kSequence));
    if (!outer.at_end()) return Wrong("is followed by more");
    DerReader info(content_info.contents);
    RETURN_IF_ERROR(ExpectThis(info, kAuthEnvelopedData, "is not AuthEnvelopedData"));
    ASSIGN_OR_RETURN(const DerElement tagged, info.Expect(DerElement::Context(0)));
    DerReader inner(tagged.contents);
    ASSIGN_OR_RETURN(const DerElement enveloped, inner.Expect(DerElement::kSequence));
    if (!info.at_end() || !inner.at_end()) return Wrong("is followed by more");
    DerReader reader(enveloped.contents);
    RETURN_IF_ERROR(ExpectThis(reader, "\x02\x01\x00"sv, "has another version"));
    ASSIGN_OR_RETURN(const DerElement recipients, reader.Expect(0x31));  // SET
    DerReader recipient_reader(recipients.contents);
    ASSIGN_OR_RETURN(const DerElement recipient, recipient_reader.Next());
    if (!recipient_reader.at_end()) return Wrong("has several recipients");
    ASSIGN_OR_RETURN(const DerElement content, reader.Expect(DerElement::kSequence));
    ASSIGN_OR_RETURN(const Sealed sealed, ParseContent(content.contents));
    ASSIGN_OR_RETURN(const DerElement tag, reader.Expect(DerElement::kOctetString));
    if (!reader.at_end()) return Wrong("has fields that it should not have");
    const Context context{device, ckaid, keys};
    const bool agreement = recipient.tag == DerElement::Context(1);
    if (!agreement && recipient.tag != DerElement::kSequence) return Wrong("is for another kind of recipient");
    ASSIGN_OR_RETURN(const SecretBytes key, agreement ? OpenKeyAgreement(recipient.contents, context)
                                                      : OpenKeyTransport(recipient.contents, context));
    return Decrypt(key, sealed, std::string(tag.contents));
  };
  return parse();
}

}  // namespace henb::x2sec::enrol
