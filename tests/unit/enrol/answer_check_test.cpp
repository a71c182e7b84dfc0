// Reading PKIMessages and judging answers, on messages made octet by octet.
#include "henb-x2sec/enrol/answer_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/strings.h"
#include "henb-x2sec/enrol/der_reader.h"
#include "henb-x2sec/enrol/distinguished_name.h"
#include "henb-x2sec/enrol/pki_message.h"

namespace henb::x2sec::enrol {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Der(int tag, const std::string& contents) {
  std::string out(1, static_cast<char>(tag));
  if (contents.size() < 0x80) {
    out += static_cast<char>(contents.size());
  } else {
    out += '\x82';
    out += static_cast<char>(contents.size() >> 8);
    out += static_cast<char>(contents.size() & 0xff);
    // Two octets of length are minimal from 256 on; the messages here are below 128 or padded above.
  }
  return out + contents;
}

std::string NameDer(const std::string& text) {
  const auto name = ParseDistinguishedName(text).value();
  unsigned char* der = nullptr;
  const int size = i2d_X509_NAME(name.get(), &der);
  std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

std::string Algorithm(int nid) {
  unsigned char* der = nullptr;
  const int size = i2d_ASN1_OBJECT(OBJ_nid2obj(nid), &der);
  std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return Der(0x30, out);
}

/// A message's parts, each of which a test may spoil.
struct Message {
  int version = 2;
  std::string sender = "/CN=RA";
  std::optional<int> algorithm = NID_ecdsa_with_SHA256;
  bool protection = true;
  std::string transaction = "transaction";
  std::string sender_nonce = "ra's nonce";
  std::string recipient_nonce = "our nonce";
  BodyType body = BodyType::kPkiConf;
  std::string contents = std::string("\x05\0", 2);

  [[nodiscard]] std::string Encode() const {
    std::string header = Der(0x02, std::string(1, static_cast<char>(version))) + Der(0xa4, NameDer(sender)) +
                         Der(0xa4, NameDer("/CN=me"));
    if (algorithm) header += Der(0xa1, Algorithm(*algorithm));
    header +=
        Der(0xa4, Der(0x04, transaction)) + Der(0xa5, Der(0x04, sender_nonce)) + Der(0xa6, Der(0x04, recipient_nonce));
    std::string message = Der(0x30, header) + Der(0xa0 | static_cast<int>(body), contents);
    if (protection) message += Der(0xa0, Der(0x03, std::string("\0sig", 4)));
    return Long(message);
  }
  /// A SEQUENCE whose length takes as many octets as it must.
  static std::string Long(const std::string& contents) {
    if (contents.size() >= 0x80 && contents.size() < 0x100) {
      return "\x30\x81" + std::string(1, static_cast<char>(contents.size())) + contents;
    }
    return Der(0x30, contents);
  }
};

std::string Ip(const std::vector<std::string>& pairs, char status = 0) {
  std::string responses;
  for (const std::string& pair : pairs) {
    responses += Der(0x30, Der(0x02, std::string(1, '\0')) + Der(0x30, Der(0x02, std::string(1, status))) + pair);
  }
  return Der(0x30, Der(0x30, responses));
}

const std::string kCertificate = Der(0xa0, Der(0x30, ""));

absl::Status Judge(const Message& message, BodyType request_body = BodyType::kCertConf,
                   BodyType awaited = BodyType::kIp) {
  PkiMessageSummary request;
  request.body = request_body;
  request.transaction_id = "transaction";
  request.sender_nonce = "our nonce";
  const auto summary = ParsePkiMessage(message.Encode());
  if (!summary.ok()) return summary.status();
  return CheckAnswer(request, *summary, ParseDistinguishedName("/CN=RA").value().get(), awaited);
}

std::string Event(const absl::Status& status) {
  return std::string(common::Split(common::ToStd(status.message()), ':').front());
}

TEST(AnswerCheck, TakesAGoodAnswer) { EXPECT_EQ(Judge({}), absl::OkStatus()); }

TEST(AnswerCheck, RefusesAnotherVersion) { EXPECT_EQ(Event(Judge({.version = 3})), "cmp.wrong_version"); }

TEST(AnswerCheck, RefusesUnprotectedAnswersOfEveryKind) {
  for (const BodyType body : {BodyType::kPkiConf, BodyType::kError}) {
    Message no_protection;
    no_protection.body = body;
    no_protection.protection = false;
    EXPECT_EQ(Event(Judge(no_protection)), "cmp.unprotected_answer");
    Message no_algorithm;
    no_algorithm.body = body;
    no_algorithm.algorithm = std::nullopt;
    EXPECT_EQ(Event(Judge(no_algorithm)), "cmp.unprotected_answer");
  }
}

TEST(AnswerCheck, R31RefusesSha1AndMd5Protection) {
  for (const int nid : {NID_ecdsa_with_SHA1, NID_sha1WithRSAEncryption, NID_md5WithRSAEncryption}) {
    Message message;
    message.algorithm = nid;
    EXPECT_EQ(Event(Judge(message)), "cmp.sha1_protection") << nid;
  }
}

TEST(AnswerCheck, RefusesMacsAndUnknownAlgorithms) {
  for (const int nid : {NID_id_PasswordBasedMAC, NID_hmacWithSHA256, NID_commonName}) {
    Message message;
    message.algorithm = nid;
    EXPECT_EQ(Event(Judge(message)), "cmp.weak_protection") << nid;
  }
}

TEST(AnswerCheck, RefusesAnotherSender) {
  Message message;
  message.sender = "/CN=RA2";
  EXPECT_EQ(Event(Judge(message)), "cmp.wrong_sender");
}

TEST(AnswerCheck, R30RefusesAnswersOfAnotherTransactionOrNonce) {
  Message transaction;
  transaction.transaction = "another";
  EXPECT_EQ(Event(Judge(transaction)), "cmp.replayed_answer");
  Message nonce;
  nonce.recipient_nonce = "older nonce";
  EXPECT_EQ(Event(Judge(nonce)), "cmp.replayed_answer");
}

TEST(AnswerCheck, RefusesBodiesThatAnswerSomethingElse) {
  EXPECT_EQ(Event(Judge({}, BodyType::kIr)), "cmp.unexpected_answer");
  Message ip;
  ip.body = BodyType::kIp;
  ip.contents = Ip({Der(0x30, kCertificate)});
  EXPECT_EQ(Event(Judge(ip)), "cmp.unexpected_answer");
  EXPECT_EQ(Judge(ip, BodyType::kIr), absl::OkStatus());
  EXPECT_EQ(Judge(ip, BodyType::kPollReq), absl::OkStatus());
}

TEST(AnswerCheck, R25RefusesSeveralResponsesAndNone) {
  Message ip;
  ip.body = BodyType::kIp;
  ip.contents = Ip({Der(0x30, kCertificate), Der(0x30, kCertificate)});
  EXPECT_EQ(Event(Judge(ip, BodyType::kIr)), "cmp.several_responses");
  ip.contents = Ip({});
  EXPECT_EQ(Event(Judge(ip, BodyType::kIr)), "cmp.several_responses");
}

TEST(AnswerCheck, R35PollRepAnswersPollReqAndNothingElse) {
  Message rep;
  rep.body = BodyType::kPollRep;
  rep.contents = Der(0x30, "");
  EXPECT_EQ(Judge(rep, BodyType::kPollReq), absl::OkStatus());
  for (const BodyType other : {BodyType::kIr, BodyType::kKur, BodyType::kCertConf, BodyType::kRr, BodyType::kError}) {
    EXPECT_EQ(Event(Judge(rep, other)), "cmp.unexpected_answer") << NameOf(other);
  }
}

TEST(AnswerCheck, R35WaitingEndsWithTheKindThatWasAskedForAndDoesNotBeginAgain) {
  Message ip;
  ip.body = BodyType::kIp;
  ip.contents = Ip({Der(0x30, kCertificate)});
  EXPECT_EQ(Judge(ip, BodyType::kPollReq), absl::OkStatus());
  EXPECT_EQ(Event(Judge(ip, BodyType::kPollReq, BodyType::kKup)), "cmp.unexpected_answer");
  ip.body = BodyType::kKup;
  EXPECT_EQ(Event(Judge(ip, BodyType::kPollReq)), "cmp.unexpected_answer");
  EXPECT_EQ(Judge(ip, BodyType::kPollReq, BodyType::kKup), absl::OkStatus());

  Message waiting;
  waiting.body = BodyType::kIp;
  waiting.contents = Ip({""}, 3);
  EXPECT_EQ(Judge(waiting, BodyType::kIr), absl::OkStatus());
  EXPECT_EQ(Event(Judge(waiting, BodyType::kPollReq)), "cmp.unexpected_answer");
}

TEST(AnswerCheck, R33SeesAPrivateKeyAndRefusesAnEncryptedCertificate) {
  Message ip;
  ip.body = BodyType::kIp;
  ip.contents = Ip({Der(0x30, kCertificate + Der(0xa0, Der(0x30, "")))});
  EXPECT_TRUE(ParsePkiMessage(ip.Encode())->cert_rep.private_key);
  ip.contents = Ip({Der(0x30, kCertificate)});
  EXPECT_FALSE(ParsePkiMessage(ip.Encode())->cert_rep.private_key);
  ip.contents = Ip({Der(0x30, Der(0xa1, Der(0x30, "")))});
  EXPECT_EQ(Event(Judge(ip, BodyType::kIr)), "cmp.encrypted_certificate");
}

TEST(PkiMessage, EveryCutIsRefused) {
  const std::string whole = Message{}.Encode();
  ASSERT_TRUE(ParsePkiMessage(whole).ok());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParsePkiMessage(std::string_view(whole).substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(ParsePkiMessage(whole + "x").ok());
}

TEST(DerReader, RefusesLengthsThatAreNotDer) {
  for (const std::string_view bad :
       {std::string_view("\x30\x80\x00\x00", 4), std::string_view("\x30\x81\x05zzzzz", 8),
        std::string_view("\x30\x82\x00\x80", 4), std::string_view("\x30\x85\x01\x00\x00\x00\x00", 7),
        std::string_view("\x1f\x01\x00", 3), std::string_view("\x30", 1)}) {
    EXPECT_FALSE(DerReader(bad).Next().ok()) << common::ToHex(bad);
  }
}

TEST(DistinguishedName, ReadsEscapesAndRefusesTheRest) {
  const auto name = ParseDistinguishedName("/O=A\\/B/CN=RA").value();
  char text[64] = "";
  X509_NAME_get_text_by_NID(name.get(), NID_organizationName, text, sizeof text);
  EXPECT_STREQ(text, "A/B");
  for (const char* bad : {"", "CN=RA", "/", "/CN", "/CN=", "/XX=y", "/CN=a//O=b"}) {
    const auto refused = ParseDistinguishedName(bad);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("name ")) << bad;
  }
}

}  // namespace
}  // namespace henb::x2sec::enrol
