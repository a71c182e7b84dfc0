#include "tests/ca/root_sins.h"

#include "henb-x2sec/enrol/der_reader.h"
#include "tests/ca/test_ca.h"

namespace henb::tests {
namespace {

using x2sec::enrol::BodyType;
using x2sec::enrol::DerElement;
using x2sec::enrol::DerReader;

/// A CA of the operator's names with its own keys signs everything, and brings its own root.
class UnpinnedRoot final : public Sin {
  [[nodiscard]] bool IssuesFromOtherCa() const override { return true; }
  void AlterSession(OSSL_CMP_CTX* context, const TestCredential& impostor) override {
    OSSL_CMP_CTX_set1_cert(context, impostor.certificate.get());
    OSSL_CMP_CTX_set1_pkey(context, impostor.key.get());
  }
  void AlterExtraCerts(const TestCa& ca, std::vector<common::Certificate>* certificates) override {
    *certificates = {ca.other_ca().certificate()};
  }
};

/// Cross-certificates that lead round and round, each of two CAs certified by the other and both for the root.
class CrossCertificateLoop final : public Sin {
  void AlterExtraCerts(const TestCa& ca, std::vector<common::Certificate>* certificates) override {
    const TestAuthority a = TestAuthority::Root("/CN=Loop A");
    const TestAuthority b = TestAuthority::Root("/CN=Loop B");
    const common::Certificate& root = ca.config().ca_chain.back();
    EVP_PKEY* root_key = X509_get0_pubkey(root.get());
    const std::string name = root.subject();
    for (int i = 0; i < 4; ++i) {
      certificates->push_back(a.IssueFor({.subject = name, .ca = true}, root_key));
      certificates->push_back(b.IssueFor({.subject = name, .ca = true}, root_key));
      certificates->push_back(b.IssueFor({.subject = "/CN=Loop A", .ca = true}, a.key()));
      certificates->push_back(a.IssueFor({.subject = "/CN=Loop B", .ca = true}, b.key()));
    }
    certificates->push_back(root);
  }
};

std::string Tlv(char tag, const std::string& contents) {
  std::string length;
  for (std::size_t rest = contents.size(); rest > 0; rest >>= 8) length.insert(0, 1, static_cast<char>(rest & 0xff));
  std::string out(1, tag);
  if (contents.size() < 128) {
    out += static_cast<char>(contents.size());
  } else {
    out += static_cast<char>(0x80 | length.size());
    out += length;
  }
  return out + contents;
}

/// extraCerts is outside the protection: `count` copies of its last certificate more.
std::string WithCopies(const std::string& message, int count) {
  DerReader fields(DerReader(message).Next()->contents);
  std::string out(fields.Next()->whole);
  out += fields.Next()->whole;
  out += fields.Expect(DerElement::Context(0))->whole;
  DerReader list(DerReader(fields.Next()->contents).Next()->contents);
  std::string all;
  std::string last;
  while (!list.at_end()) {
    last = std::string(list.Next()->whole);
    all += last;
  }
  for (int i = 0; i < count; ++i) all += last;
  return Tlv(0x30, out + Tlv(static_cast<char>(0xa1), Tlv(0x30, all)));
}

class ManyCertificates final : public Sin {
 public:
  explicit ManyCertificates(int count) : count_(count) {}
  std::optional<std::string> AlterReply(BodyType request, std::string reply) override {
    return request == BodyType::kIr ? WithCopies(reply, count_) : reply;
  }

 private:
  int count_;
};

}  // namespace

const std::vector<NamedSin>& RootSins() {
  static const std::vector<NamedSin> sins = {
      {"unpinned-root", [] { return std::make_unique<UnpinnedRoot>(); }},
      {"cross-certificate-loop", [] { return std::make_unique<CrossCertificateLoop>(); }},
      {"chain-of-100", [] { return std::make_unique<ManyCertificates>(100); }},
      {"chain-of-10000", [] { return std::make_unique<ManyCertificates>(10000); }},
  };
  return sins;
}

}  // namespace henb::tests
