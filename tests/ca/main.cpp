// x2-test-ca: the operator's RA/CA of the lab.
#include <openssl/pem.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "common/exit_status.h"
#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "tests/ca/http_server.h"
#include "tests/ca/test_ca.h"

namespace henb::tests {
namespace {

struct Options {
  std::string listen;
  std::string ca_key;
  std::string ca_certificate;
  std::vector<std::string> chain;
  std::vector<std::string> vendor_roots;
  std::vector<std::string> extra_certs;
  std::vector<std::string> nems;
  std::vector<std::string> mac_secrets;
  int confirm_timeout_s = 30;
  int validity_s = 90 * 86400;
  int check_after_s = 1;
  TestCaConfig ca;
};

absl::StatusOr<std::shared_ptr<EVP_PKEY>> ReadKey(const std::string& path) {
  ASSIGN_OR_RETURN(const common::SecretBytes pem, common::ReadSecretFile(path));
  const OpensslPtr<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  if (key == nullptr)
    return absl::InvalidArgumentError(common::StrCat(path, ": no PEM private key: ", common::DrainOpensslErrors()));
  return key;
}

absl::StatusOr<std::vector<common::Certificate>> ReadCertificates(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string pem, common::ReadFile(path));
  ASSIGN_OR_RETURN_CTX(auto certificates, common::Certificate::ChainFromPem(pem), path);
  return certificates;
}

absl::Status LoadFiles(Options* options) {
  ASSIGN_OR_RETURN(options->ca.ca_key, ReadKey(options->ca_key));
  std::vector<std::string> files = {options->ca_certificate};
  files.insert(files.end(), options->chain.begin(), options->chain.end());
  for (const std::string& file : files) {
    ASSIGN_OR_RETURN(const auto certificates, ReadCertificates(file));
    options->ca.ca_chain.insert(options->ca.ca_chain.end(), certificates.begin(), certificates.end());
  }
  for (const std::string& file : options->vendor_roots) {
    ASSIGN_OR_RETURN(const auto certificates, ReadCertificates(file));
    options->ca.vendor_roots.insert(options->ca.vendor_roots.end(), certificates.begin(), certificates.end());
  }
  for (const std::string& file : options->nems) {
    ASSIGN_OR_RETURN(const auto certificates, ReadCertificates(file));
    options->ca.nems.push_back(certificates.front());
  }
  for (const std::string& file : options->extra_certs) {
    ASSIGN_OR_RETURN(const auto certificates, ReadCertificates(file));
    options->ca.extra_certs.insert(options->ca.extra_certs.end(), certificates.begin(), certificates.end());
  }
  for (const std::string& each : options->mac_secrets) {
    const std::size_t equals = each.find('=');
    if (equals == std::string::npos) return absl::InvalidArgumentError("--mac-secret is not REFERENCE=FILE");
    ASSIGN_OR_RETURN(std::string secret, common::ReadFile(each.substr(equals + 1)));
    if (secret.ends_with('\n')) secret.pop_back();
    options->ca.mac_secrets[each.substr(0, equals)] = std::move(secret);
  }
  options->ca.confirm_timeout = absl::Seconds(options->confirm_timeout_s);
  options->ca.check_after = absl::Seconds(options->check_after_s);
  options->ca.validity = absl::Seconds(options->validity_s);
  return absl::OkStatus();
}

absl::Status Run(Options options) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  RETURN_IF_ERROR(LoadFiles(&options));
  const std::size_t colon = options.listen.rfind(':');
  const auto port =
      common::ParseNumber<int>(std::string_view(options.listen).substr(colon == std::string::npos ? 0 : colon + 1));
  if (colon == std::string::npos || !port.has_value()) {
    return absl::InvalidArgumentError(
        common::StrCat("--listen ", common::Quoted(options.listen), " is not ADDRESS:PORT"));
  }
  std::string address = options.listen.substr(0, colon);
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);

  ASSIGN_OR_RETURN(const std::unique_ptr<TestCa> ca, TestCa::Create(std::move(options.ca)));
  ASSIGN_OR_RETURN(const std::unique_ptr<HttpServer> server,
                   HttpServer::Listen(address, *port, [&ca](const std::string& body) { return ca->Handle(body); }));
  std::cout << "listening on port " << server->port() << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
  return absl::OkStatus();
}

}  // namespace
}  // namespace henb::tests

int main(int argc, char** argv) {
  henb::tests::Options options;
  CLI::App app{"Test RA/CA: CMPv2 over HTTP. Verifies, issues, keeps a ledger, and misbehaves on demand."};
  app.add_option("--listen", options.listen, "ADDRESS:PORT in numbers; port 0 takes a free one")->required();
  app.add_option("--ca-key", options.ca_key, "Private key of the issuing CA (PEM)")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("--ca-cert", options.ca_certificate, "Its certificate (PEM)")->required()->check(CLI::ExistingFile);
  app.add_option("--chain", options.chain, "Certificates above it, the root last (PEM); none when the CA is the root")
      ->check(CLI::ExistingFile);
  app.add_option("--ra-name", options.ca.ra_name, "Subject of the RA, its certificate is made at start")
      ->capture_default_str();
  app.add_option("--vendor-root", options.vendor_roots, "Root whose devices may enrol (PEM); repeated")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("--extra-cert", options.extra_certs,
                 "Sent in extraCerts with a certificate, such as a root or a cross-certificate (PEM); repeated")
      ->check(CLI::ExistingFile);
  app.add_option("--device", options.ca.devices,
                 "dNSName that may enrol; repeated; none: all, but no device through a NEM");
  app.add_option("--nem", options.nems, "Certificate whose p10cr is taken (PEM); repeated")->check(CLI::ExistingFile);
  app.add_option("--mac-secret", options.mac_secrets,
                 "REFERENCE=FILE: symmetric credential of the device of this dNSName, for one certificate; repeated");
  app.add_option("--confirm-timeout", options.confirm_timeout_s, "Seconds until an unconfirmed certificate is revoked")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--valid-for", options.validity_s, "Lifetime of certificates in seconds")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_flag("--grant-implicit-confirm", options.ca.grant_implicit_confirm,
               "Confirm without certConf where asked to");
  app.add_option("--waiting-polls", options.ca.waiting_polls,
                 "Say waiting, and answer so many pollReq with pollRep before issuing; -1: all")
      ->capture_default_str();
  app.add_option("--check-after", options.check_after_s, "Seconds that a pollRep asks to wait")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  app.add_option("--sin", options.ca.sin, "Misbehave: " + henb::common::Join(henb::tests::SinNames(), ", "));
  app.add_option("--ledger", options.ca.ledger_path, "JSON file with every certificate and its state");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? henb::common::kExitDone : henb::common::kExitInvalid;
  }
  henb::common::ConfigureLog({.program = "x2-test-ca"});
  const absl::Status status = henb::tests::Run(std::move(options));
  if (!status.ok()) std::cerr << "x2-test-ca: " << status.message() << std::endl;
  return henb::common::ExitStatusOf(status);
}
