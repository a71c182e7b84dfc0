// sign and verify.
#include <iostream>
#include <nlohmann/json.hpp>

#include "common/file.h"
#include "common/status.h"
#include "common/text_table.h"
#include "policy/cms.h"
#include "policy/intake.h"
#include "policy/load.h"
#include "policy/time_text.h"
#include "policy/tool/commands.h"
#include "policy/tool/inputs.h"

namespace henb::policy::tool {
namespace {

using Json = nlohmann::ordered_json;

Json Described(const AcceptedPolicy& accepted) {
  Json signer;
  signer["subject"] = accepted.signer.subject;
  signer["serial"] = accepted.signer.serial_hex;
  signer["operator"] = accepted.signer.operator_name;
  signer["devices"] = accepted.signer.devices;
  signer["digest"] = accepted.signer.digest;
  signer["not_after"] = TimeText(accepted.signer.not_after);
  Json out;
  out["version"] = accepted.policy.version;
  out["sha256"] = accepted.sha256.ToHex();
  out["operator"] = accepted.policy.operator_name;
  out["not_before"] = TimeText(accepted.policy.not_before);
  out["not_after"] = TimeText(accepted.policy.not_after);
  out["signer"] = std::move(signer);
  return out;
}

void PrintRows(const Json& object, const std::string& prefix, common::TextTable* table) {
  for (const auto& [field, value] : object.items()) {
    if (value.is_object()) {
      PrintRows(value, prefix + field + ".", table);
    } else {
      table->Add({prefix + field, value.is_string() ? value.get<std::string>() : value.dump()});
    }
  }
}

}  // namespace

absl::Status Sign(const Options& options) {
  ASSIGN_OR_RETURN(const std::string text, ReadInput(options.file));
  if (!options.no_check) RETURN_IF_ERROR_CTX(LoadPolicy(text).status(), options.file);
  ASSIGN_OR_RETURN(const SigningFiles files, ReadSigningFiles(options));
  ASSIGN_OR_RETURN_CTX(const std::string cms, SignPolicy(text, files.signer, files.key, files.chain), options.cert);
  RETURN_IF_ERROR(common::WriteFileAtomically(options.out, cms, 0644));
  std::cerr << options.out << ": signed by " << files.signer.subject() << "\n";
  return absl::OkStatus();
}

absl::Status Verify(const Options& options) {
  ASSIGN_OR_RETURN(const std::string der, ReadInput(options.file));
  SignatureExpectation expected;
  ASSIGN_OR_RETURN(expected.vendor_roots, ReadCertificates(options.root));
  ASSIGN_OR_RETURN_CTX(expected.device, common::HenbId::Parse(options.device), "--device");
  ASSIGN_OR_RETURN(expected.now, TimeOption(options.now));
  expected.operator_name = options.operator_name;
  ASSIGN_OR_RETURN_CTX(const AcceptedPolicy accepted, AcceptPolicy(der, expected), options.file);
  RETURN_IF_ERROR_CTX(CheckDates(accepted.policy, expected.now), options.file);
  if (!options.out.empty()) RETURN_IF_ERROR(common::WriteFileAtomically(options.out, accepted.json, 0644));
  const Json described = Described(accepted);
  if (options.json) {
    std::cout << described.dump(2) << "\n";
    return absl::OkStatus();
  }
  common::TextTable table({"WHAT", "VALUE"});
  PrintRows(described, "", &table);
  std::cout << options.file << ": signed and valid for " << options.device << "\n" << table.Render();
  return absl::OkStatus();
}

}  // namespace henb::policy::tool
