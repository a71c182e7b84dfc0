#include "henb-x2sec/app/doctor.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "common/status.h"
#include "henb-x2sec/app/enrolment/renewal_schedule.h"

namespace henb::x2sec::app {
namespace {

using common::StrCat;
using control::DoctorFinding;

std::string Rfc3339(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone()); }

std::string Message(const absl::Status& status) { return std::string(common::ToStd(status.message())); }

DoctorFinding Good(std::string check, std::string detail) {
  return {.check = std::move(check), .ok = true, .detail = std::move(detail), .remedy = ""};
}

DoctorFinding Bad(std::string check, std::string detail, std::string remedy) {
  return {.check = std::move(check), .ok = false, .detail = std::move(detail), .remedy = std::move(remedy)};
}

void CheckPluto(const DoctorInputs& in, std::vector<DoctorFinding>* out) {
  const absl::Status& status = in.pluto_version.status();
  if (!in.config.with_ipsec) {
    out->push_back(Good("pluto.running", "not needed: IPsec is left out or switched off"));
    return;
  }
  if (status.ok()) {
    out->push_back(Good("pluto.running", StrCat("answers at ", in.config.pluto_rundir)));
    out->push_back(Good("pluto.version", *in.pluto_version));
  } else if (absl::IsFailedPrecondition(status)) {
    out->push_back(Good("pluto.running", StrCat("answers at ", in.config.pluto_rundir)));
    out->push_back(Bad("pluto.version", Message(status), "install libreswan 4.x, as Debian 12 ships it"));
  } else {
    out->push_back(Bad(
        "pluto.running", Message(status),
        StrCat("start it (systemctl start ipsec), and look whether pluto.rundir is right: ", in.config.pluto_rundir)));
  }
}

void CheckGuard(const DoctorInputs& in, std::vector<DoctorFinding>* out) {
  out->push_back(in.guard_in_place ? Good("guard.table", "the nftables table inet x2sec is as it should be")
                                   : Bad("guard.table", "the nftables table inet x2sec is missing or changed",
                                         "look for what flushes nftables (nft list ruleset, the log's guard.* events); "
                                         "it is put back within a second"));
  if (!in.kernel.ok()) {
    out->push_back(
        Bad("guard.belt", Message(in.kernel.status()), "run x2secd with CAP_NET_ADMIN on a kernel with XFRM"));
    return;
  }
  out->push_back(
      in.kernel->belt_whole
          ? Good("guard.belt", "the kernel's block policies of the protected ports are there")
          : Bad("guard.belt", "block policies of the protected ports are missing",
                "look for what flushes XFRM policies (ip xfrm monitor); they are put back at the next look"));
}

void CheckBackhaul(const DoctorInputs& in, std::vector<DoctorFinding>* out) {
  if (!in.config.backhaul_reqid) {
    out->push_back(
        Good("backhaul.reqid", "none is configured: key distribution goes only where policy trusts the backhaul"));
    return;
  }
  if (!in.kernel.ok()) {
    out->push_back(
        Bad("backhaul.reqid", Message(in.kernel.status()), "run x2secd with CAP_NET_ADMIN on a kernel with XFRM"));
    return;
  }
  const std::optional<BackhaulMoveView>& move = in.backhaul_move;
  const bool moved = move && move->problem.empty();
  const int reqid = moved ? move->reqid : *in.config.backhaul_reqid;
  std::set<std::pair<common::IpAddress, common::IpAddress>> ways;
  std::set<int> pluto_made;
  for (const core::SaInfo& sa : in.kernel->sas) {
    if (sa.reqid == reqid) ways.emplace(sa.source, sa.destination);
    if (sa.reqid > 16379) pluto_made.insert(sa.reqid);
  }
  const bool both = std::any_of(ways.begin(), ways.end(), [&](const auto& way) {
    return ways.contains({way.second, way.first});
  });
  if (ways.empty()) {
    const std::string seen =
        pluto_made.empty() ? ""
                           : StrCat("; there are SAs with a reqid that pluto chose, such as ", *pluto_made.begin());
    out->push_back(Bad("backhaul.reqid", StrCat("no SA has reqid ", reqid, seen),
                       StrCat("give the backhaul's connection reqid=", reqid, " in ipsec.conf, or bring it up")));
  } else {
    out->push_back(Good("backhaul.reqid", StrCat(ways.size(), " ways have reqid ", reqid)));
  }
  out->push_back(both ? Good("backhaul.up", "SAs both ways")
                      : Bad("backhaul.up", "there are not SAs both ways", "bring the backhaul's connection up"));
  if (moved) {
    out->push_back(Good("backhaul.certificate", "the operator's"));
  } else if (move && move->expected) {
    out->push_back(Bad("backhaul.certificate", StrCat("still the vendor's: ", move->problem),
                       "look at backhaul.operator in the configuration, and at what the gateway says"));
  } else {
    out->push_back(Good("backhaul.certificate", move ? StrCat("the vendor's: ", move->problem)
                                                     : "as its own connection says: it is not to be moved"));
  }
}

void CheckClock(const DoctorInputs& in, std::vector<DoctorFinding>* out) {
  if (in.now >= in.clock_floor) {
    out->push_back(Good("clock.floor", StrCat(Rfc3339(in.now), " is not before ", Rfc3339(in.clock_floor))));
    return;
  }
  out->push_back(Bad("clock.floor",
                     StrCat(Rfc3339(in.now), " is before ", Rfc3339(in.clock_floor), ": new links are held"),
                     StrCat("set the clock; if the floor is wrong, because the clock once was ahead, delete ",
                            in.config.state_dir, "/clock-floor and restart")));
}

/// Why a certificate of this path cannot be used now; empty when it can.
std::string OutOfDate(const Credential& credential, absl::Time now) {
  std::vector<const common::Certificate*> path = {&credential.certificate};
  for (const common::Certificate& each : credential.intermediates) path.push_back(&each);
  path.push_back(&credential.anchor);
  for (const common::Certificate* each : path) {
    if (now < each->not_before()) return StrCat(each->subject(), " is not valid before ", Rfc3339(each->not_before()));
    if (now >= each->not_after()) return StrCat(each->subject(), " has expired at ", Rfc3339(each->not_after()));
  }
  return "";
}

std::string Describe(const Credential& credential) {
  return StrCat(credential.certificate.subject(), ", issued by ", credential.certificate.issuer(), ", until ",
                Rfc3339(credential.certificate.not_after()));
}

/// That the alarm about a certificate's end is on; empty before.
std::string NearItsEnd(const Credential& credential, absl::Time now) {
  const common::Certificate& certificate = credential.certificate;
  if (now < ExpiryWarningFrom(certificate.not_before(), certificate.not_after())) return "";
  const absl::Duration left = certificate.not_after() - now;
  const std::string time =
      left < absl::Hours(2) ? StrCat(absl::ToInt64Seconds(left), " s") : StrCat(absl::ToInt64Hours(left), " h");
  return StrCat(Describe(credential), ": ", time, " are left");
}

void CheckCredentials(const DoctorInputs& in, std::vector<DoctorFinding>* out) {
  const Credential& vendor = in.credentials.vendor();
  std::string problem = OutOfDate(vendor, in.now);
  if (problem.empty()) problem = NearItsEnd(vendor, in.now);
  out->push_back(problem.empty()
                     ? Good("credentials.vendor", Describe(vendor))
                     : Bad("credentials.vendor", problem, "set the clock, or have the vendor's certificate renewed"));
  if (const std::optional<Credential>& held = in.credentials.operator_credential()) {
    const std::string expired = OutOfDate(*held, in.now);
    const std::string near = NearItsEnd(*held, in.now);
    if (!expired.empty()) {
      out->push_back(Bad("credentials.operator", expired, "set the clock, or enrol anew: x2secctl enrol --now"));
    } else if (!near.empty()) {
      out->push_back(Bad("credentials.operator", StrCat(near, "; its renewal is overdue"),
                         "look why it is not renewed: x2secctl enrol --status"));
    } else {
      out->push_back(Good("credentials.operator", Describe(*held)));
    }
  } else {
    out->push_back(Good("credentials.operator", in.credentials.operator_roots().empty()
                                                    ? "not enrolled; no operator root is provisioned"
                                                    : "not enrolled; enrolment starts when a link needs it"));
  }
}

/// pluto picks a certificate anew by the name that all of one subject share, and may take the other one then.
void CheckSubjects(const DoctorInputs& in, std::vector<DoctorFinding>* out) {
  const std::optional<Credential>& held = in.credentials.operator_credential();
  if (!held) return;
  const std::string subject = held->certificate.subject();
  out->push_back(subject != in.credentials.vendor().certificate.subject()
                     ? Good("credentials.subjects", "vendor and operator certificate have different subjects")
                     : Bad("credentials.subjects",
                           StrCat("vendor and operator certificate have the same subject, ", subject,
                                  ": pluto may show the wrong one"),
                           "have the operator's CA issue another subject, or the vendor another certificate"));
}

void CheckKeyStore(const DoctorInputs& in, std::vector<DoctorFinding>* out) {
  const bool there = !in.credentials.vendor().ckaid.empty();
  if (in.config.token) {
    const std::string place =
        StrCat("token ", common::Quoted(in.config.token->label), " (", in.config.token->module, ")");
    out->push_back(there ? Good("credentials.key_store", StrCat("PKCS11: private keys are kept in ", place))
                         : Bad("credentials.key_store", StrCat("the vendor key is not to be had from ", place),
                               "see token.usable, and the log's credentials.* events"));
    return;
  }
  out->push_back(
      there ? Good("credentials.key_store", StrCat("FILES_AND_NSS: private keys are kept in ", in.config.vendor_key,
                                                   " and in ", in.config.nssdb, ", not in a PKCS#11 token"))
            : Bad("credentials.key_store", StrCat("the vendor key is not in the NSS database ", in.config.nssdb),
                  "look whether pluto.nssdb is the one that pluto uses and can be written (the log's credentials.* "
                  "events)"));
}

void CheckToken(const DoctorInputs& in, std::vector<DoctorFinding>* out) {
  if (!in.token || !in.config.token) return;
  const TokenConfig& token = *in.config.token;
  const TokenView& seen = *in.token;
  out->push_back(seen.usable.ok() ? Good("token.usable", StrCat(common::Quoted(token.label), " is there and logged in"))
                                  : Bad("token.usable", Message(seen.usable),
                                        StrCat("look at token.module, at the label in credentials.vendor_key, and at "
                                               "token.pin_file: ",
                                               token.pin_file)));
  if (!seen.registered.ok()) {
    out->push_back(Bad("token.in_pluto", Message(seen.registered),
                       StrCat("register it: modutil -dbdir sql:", in.config.nssdb, " -add \"x2sec token\" -libfile ",
                              token.module, ", then restart pluto")));
  } else if (seen.in_pluto == false) {
    out->push_back(Bad("token.in_pluto", StrCat("pluto runs without the module ", token.module),
                       "restart pluto once: it has started before the module was registered"));
  } else {
    out->push_back(
        Good("token.in_pluto", seen.in_pluto ? "pluto has loaded the module" : "registered; pluto can't be looked at"));
  }
  out->push_back(seen.pin_for_pluto.ok()
                     ? Good("token.pin_for_pluto", StrCat(TokenConfig::kPlutosPinFile, " has the PIN"))
                     : Bad("token.pin_for_pluto", Message(seen.pin_for_pluto),
                           StrCat("give pluto the PIN: a line \"", token.label, ":PIN\" in ",
                                  TokenConfig::kPlutosPinFile, ", mode 0600")));
}

void CheckKeys(const DoctorInputs& in, std::vector<DoctorFinding>* out) {
  const std::string include =
      in.secrets_include_hint.empty() ? "" : StrCat("; include it from ", in.secrets_include_hint);
  out->push_back(in.secrets_place.ok()
                     ? Good("secrets.memory", StrCat(in.config.secrets_file, " lies in memory", include))
                     : Bad("secrets.memory", Message(in.secrets_place),
                           StrCat("put pluto.secrets_file on tmpfs, such as ", in.config.run_dir, include)));
  out->push_back(in.policy_problem
                     ? Bad("policy.in_force", *in.policy_problem, "push a policy: x2secctl policy push FILE")
                     : Good("policy.in_force", "a policy is in force"));
  if (in.keydist_problem) {
    out->push_back(Bad("keydist.reachable", *in.keydist_problem,
                       StrCat("look whether the backhaul is up and keydist.address right: ",
                              in.config.keydist_address.value_or("it is not configured"))));
  } else {
    out->push_back(Good("keydist.reachable", "it answers, or no rule lists PSK"));
  }
}

}  // namespace

std::optional<std::string> PolicyProblem(const policy::Policy* in_force, absl::Time now) {
  if (in_force == nullptr) return "no policy has been applied: every link is blocked";
  if (now < in_force->not_before || now >= in_force->not_after) return "the policy is outside its dates";
  return std::nullopt;
}

std::vector<DoctorFinding> Diagnose(const DoctorInputs& inputs) {
  std::vector<DoctorFinding> findings;
  CheckPluto(inputs, &findings);
  CheckGuard(inputs, &findings);
  CheckBackhaul(inputs, &findings);
  CheckClock(inputs, &findings);
  CheckCredentials(inputs, &findings);
  CheckSubjects(inputs, &findings);
  CheckKeyStore(inputs, &findings);
  CheckToken(inputs, &findings);
  CheckKeys(inputs, &findings);
  CheckRevocation(inputs.revocation, inputs.now, &findings);
  return findings;
}

}  // namespace henb::x2sec::app
