#include "henb-x2sec/app/credentials/own_connection.h"

#include "common/strings.h"
#include "henb-x2sec/core/reconciler.h"
#include "policy/suite.h"

namespace henb::x2sec::app {

core::ConnectionSpec OwnConnection(const common::HenbId& id, const common::HenbId& self, const Credential& credential,
                                   int reqid) {
  core::ConnectionSpec spec;
  spec.name = common::StrCat(core::kConnectionPrefix, id.str(), "-0");
  spec.local_id = self;
  spec.reqid = reqid;
  spec.auth = core::IkeAuth::kCertificate;
  spec.local_ckaid = credential.ckaid;
  spec.local_subject = credential.certificate.subject();
  spec.local_key_is_rsa = credential.rsa;
  spec.ike_suites = policy::IkeProposals(policy::DefaultSuites());
  spec.esp_suites = policy::EspProposals(policy::DefaultSuites());
  return spec;
}

}  // namespace henb::x2sec::app
