#include "henb-x2sec/app/metrics.h"

#include <map>
#include <string_view>
#include <utility>

#include "common/file.h"
#include "common/prometheus_text.h"
#include "henb-x2sec/app/enrolment/renewal_schedule.h"
#include "henb-x2sec/control/link_states.h"

namespace henb::x2sec::app {
namespace {

using Text = common::PrometheusText;

void RenderLinks(const MetricsInputs& in, Text* text) {
  std::map<std::string_view, int> counts;
  for (const std::string_view state : control::kLinkStates) counts[state] = 0;
  for (const control::LinkView& link : in.links) ++counts[link.state];
  text->Family("x2sec_links", "gauge", "Links by state.");
  for (const auto& [state, count] : counts) text->Sample({{"state", state}}, count);
  text->Family("x2sec_link_up", "gauge", "1 when the link is in a state UP_...");
  for (const control::LinkView& link : in.links) {
    text->Sample({{"neighbour", link.neighbour}, {"state", link.state}, {"decision", link.decision}},
                 control::StateMatches(link.state, control::kAnyUp) ? 1 : 0);
  }
  text->Family("x2sec_link_state_seconds", "gauge", "How long the link has been in its state.");
  for (const control::LinkView& link : in.links) {
    if (link.since) text->Sample({{"neighbour", link.neighbour}}, absl::ToInt64Seconds(in.now - *link.since));
  }
  // A gauge: a new SA starts from 0 with a key change.
  text->Family("x2sec_link_sa_bytes", "gauge", "Octets carried by the link's present SAs.");
  for (const control::LinkView& link : in.links) {
    if (!link.esp) continue;
    text->Sample({{"neighbour", link.neighbour}, {"direction", "in"}}, link.esp->bytes_in);
    text->Sample({{"neighbour", link.neighbour}, {"direction", "out"}}, link.esp->bytes_out);
  }
  text->Family("x2sec_link_key_epoch", "gauge", "Epoch of the pair key that a PSK link uses.");
  for (const control::LinkView& link : in.links) {
    if (link.epoch) text->Sample({{"neighbour", link.neighbour}}, *link.epoch);
  }
}

void RenderGuard(const MetricsInputs& in, Text* text) {
  if (!in.guard) return;
  text->Family("x2sec_guard_dropped_packets_total", "counter",
               "Packets of the protected ports that the guard dropped.");
  text->Sample({{"direction", "in"}}, in.guard->dropped_in);
  text->Sample({{"direction", "out"}}, in.guard->dropped_out);
}

void RenderCredentials(const MetricsInputs& in, Text* text) {
  text->Family("x2sec_certificate_expiry_seconds", "gauge", "Until the certificate expires; negative when it has.");
  for (const control::CredentialView& each : in.credentials) {
    text->Sample({{"kind", each.kind}, {"serial", each.serial}}, absl::ToInt64Seconds(each.not_after - in.now));
  }
  text->Family("x2sec_certificate_expiring", "gauge", "1 from when the certificate's end is an alarm.");
  for (const control::CredentialView& each : in.credentials) {
    const bool near = in.now >= ExpiryWarningFrom(each.not_before, each.not_after);
    text->Sample({{"kind", each.kind}, {"serial", each.serial}}, near ? 1 : 0);
  }
  text->Family("x2sec_superseded_keys", "gauge", "Keys of renewed certificates that are not removed yet.");
  text->Sample({}, in.superseded_keys);
  if (!in.enrolment) return;
  text->Family("x2sec_enrolment_state", "gauge", "1 for the state that the device's enrolment is in.");
  for (const std::string_view state : {"NONE", "RUNNING", "ENROLLED", "FAILED"}) {
    text->Sample({{"state", state}}, in.enrolment->state == state ? 1 : 0);
  }
}

void RenderPolicy(const MetricsInputs& in, Text* text) {
  text->Family("x2sec_policy_version", "gauge", "Version of the policy that is held; 0 when there is none.");
  text->Sample({}, in.policy_version.value_or(0));
  if (!in.policy_not_after) return;
  text->Family("x2sec_policy_expiry_seconds", "gauge", "Until the policy is out of force; negative when it is.");
  text->Sample({}, absl::ToInt64Seconds(*in.policy_not_after - in.now));
}

void RenderRevocation(const MetricsInputs& in, Text* text) {
  if (in.revocation.empty()) return;
  text->Family("x2sec_revocation_news_expiry_seconds", "gauge",
               "Until the revocation list of an issuer is over; negative when it is.");
  for (const IssuerView& each : in.revocation) {
    if (each.fresh_until) text->Sample({{"issuer", each.subject}}, absl::ToInt64Seconds(*each.fresh_until - in.now));
  }
  text->Family("x2sec_revocation_grace_left_seconds", "gauge",
               "Until links are blocked for want of a newer list; 0 when they are, absent where they never are.");
  for (const IssuerView& each : in.revocation) {
    if (each.good_until == absl::InfiniteFuture()) continue;
    text->Sample({{"issuer", each.subject}},
                 each.good_until <= in.now ? 0 : absl::ToInt64Seconds(each.good_until - in.now));
  }
  text->Family("x2sec_revocation_revoked_certificates", "gauge", "Entries of the list that is held.");
  for (const IssuerView& each : in.revocation) text->Sample({{"issuer", each.subject}}, each.revoked);
}

void RenderFlag(std::string_view name, std::string_view help, const std::optional<bool>& value, Text* text) {
  if (!value) return;
  text->Family(name, "gauge", help);
  text->Sample({}, *value ? 1 : 0);
}

}  // namespace

std::string RenderMetrics(const MetricsInputs& inputs) {
  Text text;
  RenderLinks(inputs, &text);
  text.Family("x2sec_key_changes_total", "counter",
              "Key changes that ended, by result; after a failed one the old SA stayed.");
  text.Sample({{"result", "succeeded"}}, inputs.key_changes.succeeded);
  text.Sample({{"result", "failed"}}, inputs.key_changes.failed);
  RenderGuard(inputs, &text);
  RenderCredentials(inputs, &text);
  RenderPolicy(inputs, &text);
  RenderRevocation(inputs, &text);
  RenderFlag("x2sec_pluto_up", "1 when pluto answers.", inputs.pluto_up, &text);
  RenderFlag("x2sec_backhaul_up", "1 when the backhaul has SAs both ways, or needs none.", inputs.backhaul_up, &text);
  RenderFlag("x2sec_clock_sane", "1 when the clock is not behind its floor.", inputs.clock_sane, &text);
  return text.Take();
}

absl::Status WriteMetricsFile(const std::string& path, const std::string& text) {
  return common::WriteFileAtomically(path, text, 0644);
}

}  // namespace henb::x2sec::app
