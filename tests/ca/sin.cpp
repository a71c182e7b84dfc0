#include "tests/ca/sin.h"

#include <functional>
#include <mutex>

#include "common/status.h"
#include "henb-x2sec/enrol/der_reader.h"
#include "tests/ca/root_sins.h"

namespace henb::tests {
namespace {

using x2sec::enrol::BodyType;

class RejectCertConf final : public Sin {
  [[nodiscard]] bool RefusesConfirmation() const override { return true; }
};

class OtherCa final : public Sin {
  [[nodiscard]] bool IssuesFromOtherCa() const override { return true; }
};

/// Certificate and protection from a CA of the same name.
class OtherSigner final : public Sin {
  [[nodiscard]] bool IssuesFromOtherCa() const override { return true; }
  void AlterSession(OSSL_CMP_CTX* context, const TestCredential& impostor) override {
    OSSL_CMP_CTX_set1_cert(context, impostor.certificate.get());
    OSSL_CMP_CTX_set1_pkey(context, impostor.key.get());
  }
};

class OtherKey final : public Sin {
  OpensslPtr<EVP_PKEY> KeyToCertify() override { return NewKey(); }
};

/// Changes what the certificate says.
class OtherContent final : public Sin {
 public:
  explicit OtherContent(std::function<void(CertificateSpec*)> alter) : alter_(std::move(alter)) {}
  void AlterCertificate(CertificateSpec* spec) override { alter_(spec); }

 private:
  std::function<void(CertificateSpec*)> alter_;
};

class Sha1Protection final : public Sin {
  void AlterSession(OSSL_CMP_CTX* context, const TestCredential& /*impostor*/) override {
    OSSL_CMP_CTX_set_option(context, OSSL_CMP_OPT_DIGEST_ALGNID, NID_sha1);
  }
};

class IgnoreMac final : public Sin {
  [[nodiscard]] bool IgnoresMac() const override { return true; }
};

/// Changes how answers under a symmetric credential are protected.
class OtherMac final : public Sin {
 public:
  explicit OtherMac(std::function<void(OSSL_CMP_CTX*)> alter) : alter_(std::move(alter)) {}
  void AlterMac(OSSL_CMP_CTX* context) override { alter_(context); }

 private:
  std::function<void(OSSL_CMP_CTX*)> alter_;
};

/// Answers every ir with the first ip it ever sent.
class ReplayIp final : public Sin {
  std::optional<std::string> AlterReply(BodyType request, std::string reply) override {
    if (request != BodyType::kIr) return reply;
    const std::lock_guard lock(mutex_);
    if (first_.empty()) first_ = reply;
    return first_;
  }
  std::mutex mutex_;
  std::string first_;
};

/// Changes the octets of answers to one kind of message; nullopt where it stays silent.
class OtherReply final : public Sin {
 public:
  using Alter = std::function<std::optional<std::string>(std::string)>;
  OtherReply(BodyType request, Alter alter) : request_(request), alter_(std::move(alter)) {}
  std::optional<std::string> AlterReply(BodyType request, std::string reply) override {
    if (request != request_) return reply;
    return alter_(std::move(reply));
  }

 private:
  BodyType request_;
  Alter alter_;
};

std::unique_ptr<Sin> Content(std::function<void(CertificateSpec*)> alter) {
  return std::make_unique<OtherContent>(std::move(alter));
}

std::unique_ptr<Sin> Reply(BodyType request, OtherReply::Alter alter) {
  return std::make_unique<OtherReply>(request, std::move(alter));
}

/// Flips the last bit of the protection.
std::string AlterProtection(std::string message) {
  using x2sec::enrol::DerElement;
  x2sec::enrol::DerReader fields(x2sec::enrol::DerReader(message).Next()->contents);
  (void)fields.Next();  // header
  (void)fields.Next();  // body
  const std::string_view protection = fields.Expect(DerElement::Context(0))->contents;
  const std::size_t last = static_cast<std::size_t>(protection.data() + protection.size() - 1 - message.data());
  message[last] = static_cast<char>(message[last] ^ 1);
  return message;
}

const std::vector<NamedSin>& OwnSins() {
  static const std::vector<NamedSin> sins = {
      {"reject-certconf", [] { return std::make_unique<RejectCertConf>(); }},
      {"other-ca", [] { return std::make_unique<OtherCa>(); }},
      {"other-signer", [] { return std::make_unique<OtherSigner>(); }},
      {"other-key", [] { return std::make_unique<OtherKey>(); }},
      {"other-san", [] { return Content([](CertificateSpec* spec) { spec->dns_names = {"henb-z.example"}; }); }},
      {"two-sans",
       [] { return Content([](CertificateSpec* spec) { spec->dns_names.emplace_back("henb-z.example"); }); }},
      {"other-subject", [] { return Content([](CertificateSpec* spec) { spec->subject = "/CN=somebody else"; }); }},
      {"other-usage", [] { return Content([](CertificateSpec* spec) { spec->extended_usages = {"codeSigning"}; }); }},
      {"ca-certificate", [] { return Content([](CertificateSpec* spec) { spec->ca = true; }); }},
      {"sha1-certificate", [] { return Content([](CertificateSpec* spec) { spec->digest = "SHA1"; }); }},
      {"expired",
       [] {
         return Content([](CertificateSpec* spec) {
           spec->not_before = absl::Now() - absl::Hours(48);
           spec->not_after = absl::Now() - absl::Hours(24);
         });
       }},
      {"not-yet-valid",
       [] { return Content([](CertificateSpec* spec) { spec->not_before = absl::Now() + absl::Hours(24); }); }},
      {"sha1-protection", [] { return std::make_unique<Sha1Protection>(); }},
      {"mac-sha1",
       [] {
         return std::make_unique<OtherMac>(
             [](OSSL_CMP_CTX* context) { OSSL_CMP_CTX_set_option(context, OSSL_CMP_OPT_MAC_ALGNID, NID_hmac_sha1); });
       }},
      {"mac-owf-sha1",
       [] {
         return std::make_unique<OtherMac>(
             [](OSSL_CMP_CTX* context) { OSSL_CMP_CTX_set_option(context, OSSL_CMP_OPT_OWF_ALGNID, NID_sha1); });
       }},
      {"mac-signed", [] { return std::make_unique<IgnoreMac>(); }},
      {"replay-ip", [] { return std::make_unique<ReplayIp>(); }},
      {"no-ip", [] { return Reply(BodyType::kIr, [](const std::string&) { return std::nullopt; }); }},
      {"no-pkiconf", [] { return Reply(BodyType::kCertConf, [](const std::string&) { return std::nullopt; }); }},
      {"altered-ip",
       [] { return Reply(BodyType::kIr, [](std::string reply) { return AlterProtection(std::move(reply)); }); }},
      {"garbage", [] { return Reply(BodyType::kIr, [](const std::string&) { return std::string("\x30\x03zzz"); }); }},
      {"huge",
       [] {
         return Reply(BodyType::kIr, [](const std::string&) {
           return std::string("\x30\x84\x01\x00\x00\x00", 6) + std::string(1 << 24, 'x');
         });
       }},
  };
  return sins;
}

const std::vector<NamedSin>& Sins() {
  static const std::vector<NamedSin> all = [] {
    std::vector<NamedSin> out = OwnSins();
    out.insert(out.end(), RootSins().begin(), RootSins().end());
    return out;
  }();
  return all;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Sin>> MakeSin(const std::string& name) {
  if (name.empty()) return std::make_unique<Sin>();
  for (const NamedSin& each : Sins()) {
    if (each.name == name) return each.make();
  }
  return absl::InvalidArgumentError(
      common::StrCat("no sin ", common::Quoted(name), "; there are ", common::Join(SinNames(), ", ")));
}

std::vector<std::string> SinNames() {
  std::vector<std::string> out;
  for (const NamedSin& each : Sins()) out.push_back(each.name);
  return out;
}

}  // namespace henb::tests
