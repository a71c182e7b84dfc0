// What a PKIMessage (RFC 4210 §5.1) says beyond what OpenSSL's CMP library lets its caller see.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/certificate.h"

namespace henb::x2sec::enrol {

/// Tags of PKIBody (RFC 4210 §5.1.2), those that enrolment meets.
enum class BodyType : int {
  kIr = 0,
  kIp = 1,
  kCr = 2,
  kCp = 3,
  kP10cr = 4,
  kKur = 7,
  kKup = 8,
  kRr = 11,
  kRp = 12,
  kPkiConf = 19,
  kGenm = 21,
  kGenp = 22,
  kError = 23,
  kCertConf = 24,
  kPollReq = 25,
  kPollRep = 26
};

/// "ip", "pkiConf", …; "body 13" for others.
[[nodiscard]] std::string NameOf(BodyType type);

/// What an ip, cp or kup carries.
struct CertRepSummary {
  int responses = 0;
  bool waiting = false;                ///< A response has status waiting (RFC 4210 §5.2.3).
  bool private_key = false;            ///< Central key generation (R33).
  bool encrypted_certificate = false;  ///< encryptedCert instead of certificate.
  std::vector<std::string> ca_pubs;    ///< DER, as for extra_certs.
};

/// Parameters of password-based MAC protection (RFC 4210 §5.1.3.1).
struct PasswordMacSummary {
  int one_way_function_nid = 0;
  int mac_nid = 0;
  std::uint64_t iterations = 0;
};

/// A parsed message. Owns copies; a value.
struct PkiMessageSummary {
  int version = 0;
  std::string sender_name;            ///< DER of the directoryName; empty when the sender is another kind of name.
  std::optional<int> protection_nid;  ///< OpenSSL's NID of protectionAlg; absent: no protectionAlg. 0: an unknown one.
  std::optional<PasswordMacSummary> password_mac;  ///< Where protectionAlg is id-PasswordBasedMac.
  bool has_protection = false;
  std::string sender_kid;  ///< senderKID: the reference value under a MAC.
  std::string transaction_id;
  std::string sender_nonce;
  std::string recipient_nonce;
  BodyType body = BodyType::kError;
  CertRepSummary cert_rep;
  int requests = 0;            ///< ir, cr, kur: messages in CertReqMessages.
  std::optional<int> pop_nid;  ///< ir, cr, kur: algorithm of the first signature POP.
  /// DER, each one element, not read further: OpenSSL takes the better part of a millisecond for one, and most messages
  /// bring those that came before. See CertificatesIn.
  std::vector<std::string> extra_certs;
};

/// InvalidArgument says what is wrong. Messages with more than 32 extraCerts or caPubs are refused.
[[nodiscard]] absl::StatusOr<PkiMessageSummary> ParsePkiMessage(std::string_view der);

/// InvalidArgument: one of them is no certificate.
[[nodiscard]] absl::StatusOr<std::vector<common::Certificate>> CertificatesIn(const std::vector<std::string>& ders);

/// A signature algorithm with SHA-2 (RSA PKCS#1, ECDSA) or EdDSA: R31. False for 0 and for MACs.
[[nodiscard]] bool IsStrongSignature(int nid);
/// SHA-2 in one-way function and HMAC, 100 to 100,000 iterations: R36.
[[nodiscard]] bool IsStrongMac(const PasswordMacSummary& mac);

}  // namespace henb::x2sec::enrol
