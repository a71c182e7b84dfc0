#include "keydist-server/app/metrics.h"

#include "common/prometheus_text.h"

namespace henb::keydist::app {
namespace {

using Text = common::PrometheusText;

void RenderCalls(const MetricsInputs& in, Text* text) {
  text->Single("keydist_keys_issued_total", "counter", "Peers that a pair key was handed out for.", in.keys_issued);
  text->Family("keydist_refused_total", "counter", "What was refused, by reason: peers of calls, and whole calls.");
  for (std::size_t i = 0; i < in.refusals.size(); ++i) {
    text->Sample({{"reason", service::kRefusalNames[i]}}, in.refusals[i]);
  }
  text->Family("keydist_over_quota_total", "counter", "Calls and streams refused because a limit was reached.");
  for (std::size_t i = 0; i < in.over_quota.size(); ++i) {
    text->Sample({{"limit", service::CallQuota::kLimitNames[i]}}, in.over_quota[i]);
  }
  text->Single("keydist_connections", "gauge", "Connections of HeNBs that stand.", in.connections);
  text->Family("keydist_connections_refused_total", "counter", "Connections reset because a limit was reached.");
  for (std::size_t i = 0; i < in.connections_refused.size(); ++i) {
    text->Sample({{"limit", domain::kConnectionRefusalNames[i]}}, in.connections_refused[i]);
  }
  text->Single("keydist_quota_callers", "gauge", "Callers whose quota is kept.", in.quota_callers);
  text->Single("keydist_watch_streams", "gauge", "Event streams that are open.", in.watchers);
  text->Single("keydist_watch_overflows_total", "counter", "Readers so slow that their events became one resync.",
               in.watch_overflows);
}

void RenderEpoch(const MetricsInputs& in, Text* text) {
  if (in.epoch) text->Single("keydist_epoch", "gauge", "Number of the current epoch.", *in.epoch);
  if (in.epoch_ends) {
    text->Single("keydist_epoch_ends_seconds", "gauge", "Until the current epoch ends; negative when it has.",
                 absl::ToInt64Seconds(*in.epoch_ends - in.now));
  }
  text->Single("keydist_next_epoch_ready", "gauge", "1 when the next epoch's keys are handed out.",
               in.next_epoch_ready ? 1 : 0);
}

void RenderStore(const MetricsInputs& in, Text* text) {
  text->Single("keydist_henbs", "gauge", "HeNBs registered.", in.registered.henbs);
  text->Single("keydist_pairs", "gauge", "Exceptions for pairs.", in.registered.pairs);
  text->Single("keydist_leases", "gauge", "HeNBs that hold a lease.", in.registered.leases);
  text->Single("keydist_store_revision", "gauge", "Revision of the store that has been taken over.", in.revision);
}

void RenderAudit(const MetricsInputs& in, Text* text) {
  text->Single("keydist_audit_records_total", "counter", "Number of the last durable audit record.", in.audit_records);
  text->Single("keydist_audit_groups_total", "counter", "Durable writes of the audit log, each of what waited.",
               in.audit.groups);
  text->Single("keydist_audit_refused_total", "counter", "Audit records that could not be made durable.",
               in.audit.refused);
  text->Single("keydist_audit_waiting", "gauge", "Audit records that wait for the disk.", in.audit.waiting);
  text->Histogram("keydist_audit_seconds", "From a group's first record to its being durable.", in.audit.latency);
}

void RenderCertificates(const MetricsInputs& in, Text* text) {
  text->Family("keydist_certificate_expiry_seconds", "gauge", "Until a certificate expires; negative when it has.");
  if (in.server_certificate_ends) {
    text->Sample({{"kind", "server"}}, absl::ToInt64Seconds(*in.server_certificate_ends - in.now));
  }
  if (in.first_anchor_ends) {
    text->Sample({{"kind", "anchor"}}, absl::ToInt64Seconds(*in.first_anchor_ends - in.now));
  }
}

}  // namespace

std::string RenderMetrics(const MetricsInputs& inputs) {
  Text text;
  text.Family("keydist_info", "gauge", "1; the release.");
  text.Sample({{"version", inputs.version}}, 1);
  text.Single("keydist_start_time_seconds", "gauge", "When the server started, since 1970.",
              absl::ToUnixSeconds(inputs.started));
  text.Family("keydist_healthy", "gauge", "1 when the subsystem is well.");
  for (const rpc::SubsystemHealth& health : inputs.health) {
    text.Sample({{"subsystem", health.name}}, health.ok ? 1 : 0);
  }
  RenderCalls(inputs, &text);
  RenderEpoch(inputs, &text);
  RenderStore(inputs, &text);
  RenderAudit(inputs, &text);
  RenderCertificates(inputs, &text);
  return text.Take();
}

}  // namespace henb::keydist::app
