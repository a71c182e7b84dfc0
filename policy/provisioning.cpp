#include "policy/provisioning.h"

#include <openssl/x509v3.h>

#include <limits>

#include "absl/strings/escaping.h"
#include "common/status.h"
#include "policy/enrolment_section.h"
#include "policy/time_text.h"

namespace henb::policy {
namespace {

using common::Quoted;
using common::StrCat;

absl::StatusOr<common::Certificate> ParseRoot(std::string_view pem) {
  ASSIGN_OR_RETURN(const std::vector<common::Certificate> chain, common::Certificate::ChainFromPem(pem));
  if (chain.size() != 1) return absl::InvalidArgumentError("is not one certificate in PEM");
  const common::Certificate& root = chain.front();
  if (X509_check_ca(root.get()) == 0 || !root.is_self_issued())
    return absl::InvalidArgumentError(StrCat(root.subject(), " is not a root certificate"));
  return root;
}

absl::StatusOr<std::string> ParseBase64(std::string_view text) {
  std::string out;
  if (absl::Base64Unescape(common::ToAbsl(text), &out) && LooksLikeDer(out)) return out;
  return absl::InvalidArgumentError("is not a signed policy in base64");
}

EnrolmentSeg ReadSeg(const Json& value, const std::string& path, Problems* problems) {
  EnrolmentSeg seg;
  JsonObject object(&value, path, problems);
  object.Require("identity");
  object.Text<common::HenbId>("identity", common::HenbId::Parse, &seg.identity);
  object.Text<common::IpAddress>("address", common::IpAddress::Parse, &seg.address);
  object.RefuseUnknown();
  return seg;
}

Provisioning ReadFields(const Json& tree, Problems* problems) {
  Provisioning out;
  JsonObject object(&tree, "", problems);
  for (const char* field : {"schema", "device", "operator", "serial", "not_after"}) object.Require(field);
  std::uint64_t schema = Provisioning::kSchema;
  object.Number("schema", Provisioning::kSchema, Provisioning::kSchema, &schema);
  object.Text<common::HenbId>("device", common::HenbId::Parse, &out.device);
  object.Text<std::string>("operator", ParsePrintable, &out.operator_name);
  object.Number("serial", 1, std::numeric_limits<std::uint64_t>::max(), &out.serial);
  object.Text<absl::Time>("not_after", ParseTimestamp, &out.not_after);
  if (const Json* roots = object.Items("operator_roots"); roots != nullptr) {
    for (std::size_t i = 0; i < roots->size(); ++i) {
      const std::string at = StrCat("operator_roots[", i, "]");
      if (!(*roots)[i].is_string()) {
        problems->Add(at, "text is wanted");
        continue;
      }
      auto root = ParseRoot((*roots)[i].get_ref<const std::string&>());
      if (root.ok()) {
        out.operator_roots.push_back(*std::move(root));
      } else {
        problems->Add(at, common::ToStd(root.status().message()));
      }
    }
  }
  if (object.Find("enrolment") != nullptr) out.enrolment = ReadEnrolment(object.Object("enrolment"));
  if (const Json* segs = object.Items("enrolment_segs"); segs != nullptr) {
    for (std::size_t i = 0; i < segs->size(); ++i)
      out.segs.push_back(ReadSeg((*segs)[i], StrCat("enrolment_segs[", i, "]"), problems));
  }
  object.Text<common::Sha256Digest>("credential_sha256", common::Sha256Digest::ParseHex, &out.credential);
  object.Text<std::string>("policy", ParseBase64, &out.policy);
  object.RefuseUnknown();
  return out;
}

void Judge(const Provisioning& data, Problems* problems) {
  if (!data.enrolment.has_value()) return;
  JudgeEnrolment(*data.enrolment, problems);
  if (data.enrolment->credential == EnrolmentCredential::kMacSecret && !data.credential.has_value())
    problems->Add("enrolment.credential", "MAC_SECRET without a credential (--mac-secret)");
}

}  // namespace

absl::StatusOr<Provisioning> LoadProvisioning(std::string_view json) {
  ASSIGN_OR_RETURN(const Json tree, ParseJsonObject(json));
  Problems problems;
  Provisioning out = ReadFields(tree, &problems);
  if (!problems.has_errors()) Judge(out, &problems);
  RETURN_IF_ERROR(problems.status());
  return out;
}

absl::StatusOr<std::string> CompleteProvisioning(std::string_view json, const ProvisioningExtras& extras) {
  ASSIGN_OR_RETURN(const Json parsed, ParseJsonObject(json));
  auto tree = nlohmann::ordered_json::parse(json);
  const auto put = [&](const char* field, nlohmann::ordered_json value) -> absl::Status {
    if (tree.contains(field))
      return absl::InvalidArgumentError(StrCat(field, ": given twice, in the data and beside it"));
    tree[field] = std::move(value);
    return absl::OkStatus();
  };
  if (!extras.operator_roots.empty()) {
    auto roots = nlohmann::ordered_json::array();
    for (const common::Certificate& root : extras.operator_roots) roots.push_back(root.pem());
    RETURN_IF_ERROR(put("operator_roots", std::move(roots)));
  }
  if (extras.credential.has_value()) RETURN_IF_ERROR(put("credential_sha256", extras.credential->ToHex()));
  if (!extras.policy.empty()) RETURN_IF_ERROR(put("policy", absl::Base64Escape(extras.policy)));
  std::string out = tree.dump(1) + "\n";
  RETURN_IF_ERROR(LoadProvisioning(out).status());
  return out;
}

absl::StatusOr<AcceptedProvisioning> AcceptProvisioning(std::string_view cms_der, const SignatureExpectation& expected,
                                                        bool credential_spent) {
  ASSIGN_OR_RETURN(VerifiedProvisioning verified, VerifyProvisioning(cms_der, expected));
  AcceptedProvisioning out;
  ASSIGN_OR_RETURN(out.data, LoadProvisioning(verified.json));
  if (out.data.device != expected.device) {
    return absl::PermissionDeniedError(
        StrCat("device: ", Quoted(out.data.device.str()), " is not this device, ", Quoted(expected.device.str())));
  }
  if (out.data.operator_name != verified.signer.operator_name) {
    return absl::PermissionDeniedError(StrCat("operator: ", Quoted(out.data.operator_name), " is not the signer's, ",
                                              Quoted(verified.signer.operator_name)));
  }
  if (expected.check_time && expected.now >= out.data.not_after)
    return absl::FailedPreconditionError(StrCat("not_after: ", TimeText(out.data.not_after), " is over"));
  const bool has_envelope = !verified.credential.empty();
  if (out.data.credential.has_value() && !has_envelope && !credential_spent)
    return absl::InvalidArgumentError("credential_sha256: the credential itself is missing");
  if (has_envelope && out.data.credential != common::Sha256Digest::Of(verified.credential))
    return absl::PermissionDeniedError("credential_sha256: the credential is not the one that was signed");
  out.json = std::move(verified.json);
  out.sha256 = common::Sha256Digest::Of(out.json);
  out.signer = std::move(verified.signer);
  if (!credential_spent) out.credential = std::move(verified.credential);
  return out;
}

}  // namespace henb::policy
