#include "henb-x2sec/nem/ra_client.h"

#include "common/status.h"
#include "henb-x2sec/enrol/cmp_session.h"
#include "henb-x2sec/enrol/distinguished_name.h"

namespace henb::x2sec::nem {

absl::StatusOr<std::unique_ptr<RaClient>> CmpRaClient::Create(Settings settings, const common::Clock& clock,
                                                              common::Random& random) {
  ASSIGN_OR_RETURN(enrol::OpensslPtr<X509_NAME> recipient, enrol::ParseDistinguishedName(settings.recipient));
  ASSIGN_OR_RETURN(std::unique_ptr<enrol::CmpTransport> transport, enrol::HttpTransport::Create(settings.url));
  return std::unique_ptr<RaClient>(
      new CmpRaClient(std::move(settings), std::move(transport), std::move(recipient), clock, random));
}

CmpRaClient::CmpRaClient(Settings settings, std::unique_ptr<enrol::CmpTransport> transport,
                         enrol::OpensslPtr<X509_NAME> recipient, const common::Clock& clock, common::Random& random)
    : settings_(std::move(settings)),
      transport_(std::move(transport)),
      recipient_(std::move(recipient)),
      clock_(clock),
      random_(random) {}

RaAnswer CmpRaClient::Ask(const enrol::Pkcs10& pkcs10,
                          const std::function<absl::Status(const enrol::CertifiedPath&)>& keep) {
  const enrol::CmpSessionParts parts{
      *transport_,     clock_,        recipient_.get(),          settings_.operator_roots,
      settings_.chain, settings_.key, settings_.message_timeout, settings_.total_timeout,
      &random_,        settings_.wait};
  enrol::CmpSession session(parts);
  RaAnswer out{session.RequestCertificate({.type = enrol::BodyType::kP10cr,
                                           .key = pkcs10.public_key,
                                           .subject = pkcs10.subject(),
                                           .identity = pkcs10.identity,
                                           .keep = keep,
                                           .pkcs10 = pkcs10.request.get()})};
  out.left_at_ca = session.left_at_ca();
  return out;
}

absl::Status CmpRaClient::Revoke(const common::Certificate& certificate) {
  const enrol::CmpSessionParts parts{
      *transport_,     clock_,        recipient_.get(),          settings_.operator_roots,
      settings_.chain, settings_.key, settings_.message_timeout, settings_.total_timeout,
      &random_,        settings_.wait};
  return enrol::CmpSession(parts).Revoke(certificate);
}

}  // namespace henb::x2sec::nem
