// x2policy: OAM's tool. No root, no daemon, no network.
#include <CLI/CLI.hpp>
#include <iostream>

#include "common/exit_status.h"
#include "policy/tool/commands.h"

namespace {

using henb::policy::tool::Options;

void AddJson(CLI::App* command, Options* options) {
  command->add_flag("--json", options->json, "Print JSON instead of a table");
}

CLI::App* AddCheck(CLI::App* app, Options* options) {
  CLI::App* check =
      app->add_subcommand("check", "Read and judge a policy: JSON, or signed (the signature is not looked at)");
  check->add_option("FILE", options->file, "Policy")->required();
  AddJson(check, options);
  return check;
}

CLI::App* AddExplain(CLI::App* app, Options* options) {
  CLI::App* explain = app->add_subcommand("explain", "Show what a policy decides for one neighbour, and why");
  explain->add_option("FILE", options->file, "Policy")->required();
  explain->add_option("--self", options->self, "The device: its facts as JSON (docs/policy.md)")->required();
  explain->add_option("--neighbour", options->neighbour, "The neighbour's record as JSON")->required();
  explain->add_option("--now", options->now, "Time of the decision (RFC 3339); else the clock's");
  AddJson(explain, options);
  return explain;
}

CLI::App* AddSign(CLI::App* app, Options* options) {
  CLI::App* sign = app->add_subcommand("sign", "Check a policy and sign it");
  sign->add_option("FILE", options->file, "Policy (JSON)")->required();
  sign->add_option("--cert", options->cert, "Configuration signer's certificate (PEM; intermediates may follow)")
      ->required();
  sign->add_option("--key", options->key, "Its private key (PEM without passphrase)")->required();
  sign->add_option("--chain", options->chain, "Intermediate certificates (PEM)");
  sign->add_option("--out", options->out, "Where the signed policy goes (CMS in DER)")->required();
  sign->add_flag("--no-check", options->no_check, "Sign what is there, whatever it says");
  return sign;
}

CLI::App* AddVerify(CLI::App* app, Options* options) {
  CLI::App* verify = app->add_subcommand("verify", "Judge a signed policy as the device would");
  verify->add_option("FILE", options->file, "Signed policy (CMS in DER)")->required();
  verify->add_option("--root", options->root, "Vendor root (PEM)")->required();
  verify->add_option("--device", options->device, "Identity of the device")->required();
  verify->add_option("--operator", options->operator_name, "Operator that it was provisioned for")->required();
  verify->add_option("--now", options->now, "Time of the check (RFC 3339); else the clock's");
  verify->add_option("--out", options->out, "Where the policy (JSON) goes");
  AddJson(verify, options);
  return verify;
}

CLI::App* AddDiff(CLI::App* app, Options* options) {
  CLI::App* diff = app->add_subcommand("diff", "Show what two policies differ in");
  diff->add_option("OLD", options->file, "Policy")->required();
  diff->add_option("NEW", options->other, "Policy")->required();
  AddJson(diff, options);
  return diff;
}

CLI::App* AddProvisionMake(CLI::App* group, Options* options) {
  CLI::App* make = group->add_subcommand("make", "Check provisioning data for one device, complete and sign it");
  make->add_option("DATA", options->file, "Provisioning data (JSON, docs/policy.md)")->required();
  make->add_option("--cert", options->cert, "Configuration signer's certificate (PEM; intermediates may follow)")
      ->required();
  make->add_option("--key", options->key, "Its private key (PEM without passphrase)")->required();
  make->add_option("--chain", options->chain, "Intermediate certificates (PEM)");
  make->add_option("--operator-root", options->operator_roots, "Root of the operator (PEM); repeated");
  make->add_option("--policy", options->policy, "A first policy, signed (CMS in DER)");
  make->add_option("--mac-secret", options->mac_secret, "File with the symmetric credential of this device");
  make->add_option("--device-cert", options->device_cert, "The device's vendor certificate, which it is encrypted to");
  make->add_option("--out", options->out, "Where the file for the device goes (CMS in DER)")->required();
  return make;
}

CLI::App* AddProvisionShow(CLI::App* group, Options* options) {
  CLI::App* show = group->add_subcommand("show", "Print what a file for a device says; never its credential");
  show->add_option("FILE", options->file, "File for a device (CMS in DER)")->required();
  show->add_option("--root", options->root, "Vendor root (PEM): judge it as the device would");
  show->add_option("--device", options->device, "Identity of the device");
  show->add_option("--now", options->now, "Time of the check (RFC 3339); else the clock's");
  return show;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Checks, explains, signs, verifies and compares policies of HeNBs.", "x2policy");
  app.require_subcommand(1);
  app.set_version_flag("--version", "x2policy " X2_VERSION);
  const CLI::App* check = AddCheck(&app, &options);
  const CLI::App* explain = AddExplain(&app, &options);
  const CLI::App* sign = AddSign(&app, &options);
  const CLI::App* verify = AddVerify(&app, &options);
  const CLI::App* diff = AddDiff(&app, &options);
  const CLI::App* schema = app.add_subcommand("schema", "Print the format of a policy as JSON Schema");
  CLI::App* provision = app.add_subcommand("provision", "Provisioning data: what a device is given before it enrols");
  provision->require_subcommand(1);
  const CLI::App* make = AddProvisionMake(provision, &options);
  const CLI::App* show = AddProvisionShow(provision, &options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version are no errors; everything else is wrong usage.
    return app.exit(error, std::cout, std::cerr) == 0 ? henb::common::kExitDone : henb::common::kExitInvalid;
  }
  absl::Status status = absl::OkStatus();
  if (check->parsed()) status = henb::policy::tool::Check(options);
  if (explain->parsed()) status = henb::policy::tool::Explain(options);
  if (sign->parsed()) status = henb::policy::tool::Sign(options);
  if (verify->parsed()) status = henb::policy::tool::Verify(options);
  if (diff->parsed()) status = henb::policy::tool::Diff(options);
  if (make->parsed()) status = henb::policy::tool::ProvisionMake(options);
  if (show->parsed()) status = henb::policy::tool::ProvisionShow(options);
  if (schema->parsed()) status = henb::policy::tool::Schema();
  if (!status.ok()) std::cerr << "x2policy: " << status.message() << "\n";
  return henb::common::ExitStatusOf(status);
}
