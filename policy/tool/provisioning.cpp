// provision make and show.
#include <iostream>
#include <nlohmann/json.hpp>

#include "common/file.h"
#include "common/status.h"
#include "policy/cms.h"
#include "policy/envelope.h"
#include "policy/provisioning.h"
#include "policy/tool/commands.h"
#include "policy/tool/inputs.h"

namespace henb::policy::tool {
namespace {

absl::StatusOr<common::SecretBytes> ReadMacSecret(const std::string& path) {
  auto secret = common::ReadSecretFile(path);
  if (!secret.ok()) return absl::InvalidArgumentError(secret.status().message());
  std::size_t size = secret->size();
  if (size > 0 && secret->data()[size - 1] == '\n') --size;  // As editors and openssl rand leave it.
  common::SecretBytes out = common::SecretBytes::CopyOf(secret->span().first(size));
  RETURN_IF_ERROR_CTX(CheckMacSecret(out), path);
  return out;
}

/// The envelope; empty where no secret was given.
absl::StatusOr<std::string> Envelope(const Options& options) {
  if (options.mac_secret.empty() != options.device_cert.empty())
    return absl::InvalidArgumentError("--mac-secret and --device-cert are given together");
  if (options.mac_secret.empty()) return std::string();
  ASSIGN_OR_RETURN(const common::SecretBytes secret, ReadMacSecret(options.mac_secret));
  ASSIGN_OR_RETURN(const auto device, ReadCertificates(options.device_cert));
  ASSIGN_OR_RETURN_CTX(std::string envelope, EncryptFor(device.front(), secret), options.device_cert);
  return envelope;
}

/// The credential would be of no use to another device.
absl::Status CheckDeviceCertificate(const Options& options, std::string_view json) {
  if (options.device_cert.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Provisioning data, LoadProvisioning(json));
  ASSIGN_OR_RETURN(const auto chain, ReadCertificates(options.device_cert));
  ASSIGN_OR_RETURN_CTX(const common::HenbId named, chain.front().Identity(), options.device_cert);
  if (named == data.device) return absl::OkStatus();
  return absl::InvalidArgumentError(
      common::StrCat("device: ", data.device.str(), " is not ", named.str(), ", whose certificate is given"));
}

}  // namespace

absl::Status ProvisionMake(const Options& options) {
  ASSIGN_OR_RETURN(const std::string data, ReadInput(options.file));
  ProvisioningExtras extras;
  for (const std::string& path : options.operator_roots) {
    ASSIGN_OR_RETURN(const auto roots, ReadCertificates(path));
    extras.operator_roots.insert(extras.operator_roots.end(), roots.begin(), roots.end());
  }
  if (!options.policy.empty()) {
    ASSIGN_OR_RETURN(extras.policy, ReadInput(options.policy));
    RETURN_IF_ERROR_CTX(UnverifiedContent(extras.policy).status(), options.policy);
  }
  ASSIGN_OR_RETURN(const std::string envelope, Envelope(options));
  if (!envelope.empty()) extras.credential = common::Sha256Digest::Of(envelope);
  ASSIGN_OR_RETURN_CTX(const std::string json, CompleteProvisioning(data, extras), options.file);
  RETURN_IF_ERROR_CTX(CheckDeviceCertificate(options, json), options.file);
  ASSIGN_OR_RETURN(const SigningFiles files, ReadSigningFiles(options));
  ASSIGN_OR_RETURN_CTX(const std::string cms, SignProvisioning(json, files.signer, files.key, files.chain, envelope),
                       options.cert);
  RETURN_IF_ERROR(common::WriteFileAtomically(options.out, cms, 0644));
  std::cerr << options.out << ": signed by " << files.signer.subject() << "\n";
  return absl::OkStatus();
}

absl::Status ProvisionShow(const Options& options) {
  ASSIGN_OR_RETURN(const std::string der, ReadInput(options.file));
  if (options.root.empty() != options.device.empty())
    return absl::InvalidArgumentError("--root and --device are given together");
  std::string json;
  if (options.root.empty()) {
    std::cerr << options.file << ": the signature is not looked at (--root and --device do)\n";
    ASSIGN_OR_RETURN_CTX(json, UnverifiedProvisioning(der), options.file);
  } else {
    SignatureExpectation expected;
    ASSIGN_OR_RETURN(expected.vendor_roots, ReadCertificates(options.root));
    ASSIGN_OR_RETURN_CTX(expected.device, common::HenbId::Parse(options.device), "--device");
    ASSIGN_OR_RETURN(expected.now, TimeOption(options.now));
    ASSIGN_OR_RETURN_CTX(const AcceptedProvisioning accepted, AcceptProvisioning(der, expected, false), options.file);
    std::cerr << options.file << ": good; signed by " << accepted.signer.subject << "\n";
    json = accepted.json;
  }
  std::cout << json;
  return absl::OkStatus();
}

}  // namespace henb::policy::tool
