#include "henb-x2sec/enrol/pki_message.h"

#include <openssl/objects.h>
#include <openssl/x509.h>

#include "common/status.h"
#include "henb-x2sec/enrol/der_reader.h"

namespace henb::x2sec::enrol {
namespace {

constexpr std::size_t kMostCertificates = 32;
/// PKIStatus waiting, as INTEGER's contents.
constexpr std::string_view kWaiting = "\x03";

/// The NID of an AlgorithmIdentifier; NID_undef for one that OpenSSL does not know.
int AlgorithmNid(std::string_view der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const std::unique_ptr<X509_ALGOR, decltype(&X509_ALGOR_free)> algorithm(
      d2i_X509_ALGOR(nullptr, &at, static_cast<long>(der.size())), X509_ALGOR_free);
  if (algorithm == nullptr) {
    (void)common::DrainOpensslErrors();
    return NID_undef;
  }
  const ASN1_OBJECT* object = nullptr;
  X509_ALGOR_get0(&object, nullptr, nullptr, algorithm.get());
  return OBJ_obj2nid(object);
}

/// PBMParameter, inside an AlgorithmIdentifier.
absl::StatusOr<PasswordMacSummary> ParsePasswordMac(std::string_view algorithm) {
  DerReader outer(algorithm);
  ASSIGN_OR_RETURN(const DerElement identifier, outer.Expect(DerElement::kSequence));
  DerReader parts(identifier.contents);
  RETURN_IF_ERROR(parts.Next().status());  // algorithm
  ASSIGN_OR_RETURN(const DerElement parameters, parts.Expect(DerElement::kSequence));
  DerReader reader(parameters.contents);
  PasswordMacSummary out;
  RETURN_IF_ERROR(reader.Expect(DerElement::kOctetString).status());  // salt
  ASSIGN_OR_RETURN(const DerElement one_way_function, reader.Expect(DerElement::kSequence));
  out.one_way_function_nid = AlgorithmNid(one_way_function.whole);
  ASSIGN_OR_RETURN(const DerElement iterations, reader.Expect(DerElement::kInteger));
  if (iterations.contents.empty() || iterations.contents.size() > 8 || (iterations.contents[0] & 0x80) != 0)
    return absl::InvalidArgumentError("iterationCount is out of range");
  for (const char octet : iterations.contents) out.iterations = out.iterations << 8 | static_cast<std::uint8_t>(octet);
  ASSIGN_OR_RETURN(const DerElement mac, reader.Expect(DerElement::kSequence));
  out.mac_nid = AlgorithmNid(mac.whole);
  return out;
}

absl::StatusOr<std::string> OctetsIn(std::string_view tagged) {
  DerReader reader(tagged);
  ASSIGN_OR_RETURN(const DerElement octets, reader.Expect(DerElement::kOctetString));
  return std::string(octets.contents);
}

absl::Status ParseHeader(std::string_view contents, PkiMessageSummary* out) {
  DerReader reader(contents);
  ASSIGN_OR_RETURN(const DerElement version, reader.Expect(DerElement::kInteger));
  if (version.contents.size() != 1) return absl::InvalidArgumentError("pvno is out of range");
  const int octet = static_cast<std::uint8_t>(version.contents[0]);
  out->version = octet < 0x80 ? octet : octet - 0x100;  // two's complement (X.690 §8.3)
  ASSIGN_OR_RETURN(const DerElement sender, reader.Next());
  if (sender.tag == DerElement::Context(4)) out->sender_name = sender.contents;
  RETURN_IF_ERROR(reader.Next().status());  // recipient
  int last = -1;
  while (!reader.at_end()) {
    ASSIGN_OR_RETURN(const DerElement field, reader.Next());
    const int number = field.tag - DerElement::Context(0);
    if (number < 0 || number > 8 || number <= last)
      return absl::InvalidArgumentError("fields of the header are out of order");
    last = number;
    if (number == 1) out->protection_nid = AlgorithmNid(field.contents);
    if (out->protection_nid == NID_id_PasswordBasedMAC && number == 1) {
      // One that can't be read is none that could be accepted.
      if (const auto mac = ParsePasswordMac(field.contents); mac.ok()) out->password_mac = *mac;
    }
    if (number == 2) {
      ASSIGN_OR_RETURN(out->sender_kid, OctetsIn(field.contents));
    }
    if (number == 4) {
      ASSIGN_OR_RETURN(out->transaction_id, OctetsIn(field.contents));
    }
    if (number == 5) {
      ASSIGN_OR_RETURN(out->sender_nonce, OctetsIn(field.contents));
    }
    if (number == 6) {
      ASSIGN_OR_RETURN(out->recipient_nonce, OctetsIn(field.contents));
    }
  }
  return absl::OkStatus();
}

absl::Status ParseCertResponse(std::string_view contents, CertRepSummary* out) {
  DerReader reader(contents);
  RETURN_IF_ERROR(reader.Expect(DerElement::kInteger).status());  // certReqId
  ASSIGN_OR_RETURN(const DerElement status_info, reader.Expect(DerElement::kSequence));
  DerReader status_reader(status_info.contents);
  ASSIGN_OR_RETURN(const DerElement status, status_reader.Expect(DerElement::kInteger));
  if (status.contents == kWaiting) out->waiting = true;
  if (!reader.NextIs(DerElement::kSequence)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const DerElement pair, reader.Next());
  DerReader pair_reader(pair.contents);
  ASSIGN_OR_RETURN(const DerElement certificate, pair_reader.Next());
  if (certificate.tag != DerElement::Context(0)) out->encrypted_certificate = true;
  if (pair_reader.NextIs(DerElement::Context(0))) out->private_key = true;
  return absl::OkStatus();
}

/// SEQUENCE OF CMPCertificate, `name` for errors.
absl::Status ParseCertificates(std::string_view contents, std::string_view name, std::vector<std::string>* out) {
  DerReader outer(contents);
  ASSIGN_OR_RETURN(const DerElement list, outer.Expect(DerElement::kSequence));
  DerReader reader(list.contents);
  while (!reader.at_end()) {
    ASSIGN_OR_RETURN(const DerElement element, reader.Expect(DerElement::kSequence));
    if (out->size() == kMostCertificates) return absl::InvalidArgumentError(common::StrCat("too many ", name));
    out->emplace_back(element.whole);
  }
  return absl::OkStatus();
}

absl::Status ParseCertRep(std::string_view body, CertRepSummary* out) {
  DerReader outer(body);
  ASSIGN_OR_RETURN(const DerElement message, outer.Expect(DerElement::kSequence));
  DerReader reader(message.contents);
  if (reader.NextIs(DerElement::Context(1))) {
    ASSIGN_OR_RETURN(const DerElement ca_pubs, reader.Next());
    RETURN_IF_ERROR(ParseCertificates(ca_pubs.contents, "caPubs", &out->ca_pubs));
  }
  ASSIGN_OR_RETURN(const DerElement responses, reader.Expect(DerElement::kSequence));
  DerReader each(responses.contents);
  while (!each.at_end()) {
    ASSIGN_OR_RETURN(const DerElement response, each.Expect(DerElement::kSequence));
    ++out->responses;
    RETURN_IF_ERROR(ParseCertResponse(response.contents, out));
  }
  return absl::OkStatus();
}

absl::Status ParseCertReq(std::string_view body, PkiMessageSummary* out) {
  DerReader outer(body);
  ASSIGN_OR_RETURN(const DerElement messages, outer.Expect(DerElement::kSequence));
  DerReader each(messages.contents);
  while (!each.at_end()) {
    ASSIGN_OR_RETURN(const DerElement message, each.Expect(DerElement::kSequence));
    if (++out->requests > 1) continue;
    DerReader reader(message.contents);
    RETURN_IF_ERROR(reader.Expect(DerElement::kSequence).status());  // certReq
    if (!reader.NextIs(DerElement::Context(1))) continue;            // POPOSigningKey
    ASSIGN_OR_RETURN(const DerElement popo, reader.Next());
    DerReader fields(popo.contents);
    if (fields.NextIs(DerElement::Context(0))) RETURN_IF_ERROR(fields.Next().status());
    ASSIGN_OR_RETURN(const DerElement algorithm, fields.Expect(DerElement::kSequence));
    out->pop_nid = AlgorithmNid(algorithm.whole);
  }
  return absl::OkStatus();
}

absl::Status ParseBody(const DerElement& body, PkiMessageSummary* out) {
  const int number = body.tag - DerElement::Context(0);
  if (number < 0 || number > 26) return absl::InvalidArgumentError("the body has an unknown type");
  out->body = static_cast<BodyType>(number);
  switch (out->body) {
    case BodyType::kIp:
    case BodyType::kCp:
    case BodyType::kKup:
      return ParseCertRep(body.contents, &out->cert_rep);
    case BodyType::kIr:
    case BodyType::kCr:
    case BodyType::kKur:
      return ParseCertReq(body.contents, out);
    default:
      return absl::OkStatus();
  }
}

}  // namespace

std::string NameOf(BodyType type) {
  switch (type) {
    case BodyType::kIr:
      return "ir";
    case BodyType::kIp:
      return "ip";
    case BodyType::kCr:
      return "cr";
    case BodyType::kCp:
      return "cp";
    case BodyType::kP10cr:
      return "p10cr";
    case BodyType::kKur:
      return "kur";
    case BodyType::kKup:
      return "kup";
    case BodyType::kRr:
      return "rr";
    case BodyType::kRp:
      return "rp";
    case BodyType::kPkiConf:
      return "pkiConf";
    case BodyType::kGenm:
      return "genm";
    case BodyType::kGenp:
      return "genp";
    case BodyType::kError:
      return "error";
    case BodyType::kCertConf:
      return "certConf";
    case BodyType::kPollReq:
      return "pollReq";
    case BodyType::kPollRep:
      return "pollRep";
  }
  return common::StrCat("body ", static_cast<int>(type));
}

absl::StatusOr<PkiMessageSummary> ParsePkiMessage(std::string_view der) {
  PkiMessageSummary out;
  DerReader outer(der);
  ASSIGN_OR_RETURN(const DerElement message, outer.Expect(DerElement::kSequence));
  if (!outer.at_end()) return absl::InvalidArgumentError("octets follow the message");
  DerReader reader(message.contents);
  ASSIGN_OR_RETURN(const DerElement header, reader.Expect(DerElement::kSequence));
  RETURN_IF_ERROR_CTX(ParseHeader(header.contents, &out), "PKIHeader");
  ASSIGN_OR_RETURN(const DerElement body, reader.Next());
  RETURN_IF_ERROR_CTX(ParseBody(body, &out), "PKIBody");
  if (reader.NextIs(DerElement::Context(0))) {
    out.has_protection = true;
    RETURN_IF_ERROR(reader.Next().status());
  }
  if (reader.NextIs(DerElement::Context(1))) {
    ASSIGN_OR_RETURN(const DerElement certificates, reader.Next());
    RETURN_IF_ERROR(ParseCertificates(certificates.contents, "extraCerts", &out.extra_certs));
  }
  if (!reader.at_end()) return absl::InvalidArgumentError("the message has fields that it should not have");
  return out;
}

absl::StatusOr<std::vector<common::Certificate>> CertificatesIn(const std::vector<std::string>& ders) {
  std::vector<common::Certificate> out;
  for (const std::string& der : ders) {
    ASSIGN_OR_RETURN(common::Certificate certificate, common::Certificate::FromDer(der));
    out.push_back(std::move(certificate));
  }
  return out;
}

bool IsStrongMac(const PasswordMacSummary& mac) {
  const int owf = mac.one_way_function_nid;
  const bool strong_owf = owf == NID_sha256 || owf == NID_sha384 || owf == NID_sha512;
  const bool strong_mac =
      mac.mac_nid == NID_hmacWithSHA256 || mac.mac_nid == NID_hmacWithSHA384 || mac.mac_nid == NID_hmacWithSHA512;
  return strong_owf && strong_mac && mac.iterations >= 100 && mac.iterations <= 100'000;
}

bool IsStrongSignature(int nid) {
  switch (nid) {
    case NID_ecdsa_with_SHA256:
    case NID_ecdsa_with_SHA384:
    case NID_ecdsa_with_SHA512:
    case NID_sha256WithRSAEncryption:
    case NID_sha384WithRSAEncryption:
    case NID_sha512WithRSAEncryption:
    case NID_ED25519:
    case NID_ED448:
      return true;
    default:
      return false;
  }
}

}  // namespace henb::x2sec::enrol
