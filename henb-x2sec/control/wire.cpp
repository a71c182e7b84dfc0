#include "henb-x2sec/control/wire.h"

namespace henb::x2sec::control {

namespace v1 = henb::control::v1;

google::protobuf::Timestamp ToWire(absl::Time time) {
  google::protobuf::Timestamp out;
  const absl::Duration since_epoch = absl::Floor(time - absl::UnixEpoch(), absl::Nanoseconds(1));
  const absl::Duration whole = absl::Floor(since_epoch, absl::Seconds(1));
  out.set_seconds(absl::ToInt64Seconds(whole));
  out.set_nanos(static_cast<std::int32_t>(absl::ToInt64Nanoseconds(since_epoch - whole)));
  return out;
}

google::protobuf::Duration ToWire(absl::Duration duration) {
  google::protobuf::Duration out;
  const absl::Duration whole = absl::Trunc(duration, absl::Seconds(1));
  out.set_seconds(absl::ToInt64Seconds(whole));
  out.set_nanos(static_cast<std::int32_t>(absl::ToInt64Nanoseconds(duration - whole)));
  return out;
}

absl::Duration FromWire(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

void ToWire(const CertificateView& view, v1::Certificate* out) {
  out->set_serial(view.serial);
  out->set_issuer(view.issuer);
  *out->mutable_not_after() = ToWire(view.not_after);
}

void ToWire(const LinkView& view, v1::Link* out) {
  out->set_neighbour(view.neighbour);
  out->set_state(view.state);
  out->set_decision(view.decision);
  if (view.method) out->set_method(*view.method);
  if (view.rule) out->set_rule(*view.rule);
  out->set_reason(view.reason);
  if (view.last_error) out->set_last_error(*view.last_error);
  if (view.policy_version) out->set_policy_version(*view.policy_version);
  if (view.local_ike_id) out->set_local_ike_id(*view.local_ike_id);
  if (view.peer_ike_id) out->set_peer_ike_id(*view.peer_ike_id);
  if (view.epoch) out->set_epoch(*view.epoch);
  if (view.generation) out->set_generation(*view.generation);
  if (view.reqid) out->set_reqid(*view.reqid);
  if (view.since) *out->mutable_since() = ToWire(*view.since);
  if (view.esp) {
    v1::Esp* esp = out->mutable_esp();
    if (view.esp->spi_in) esp->set_spi_in(*view.esp->spi_in);
    if (view.esp->spi_out) esp->set_spi_out(*view.esp->spi_out);
    esp->set_bytes_in(view.esp->bytes_in);
    esp->set_bytes_out(view.esp->bytes_out);
    if (view.esp->suite) esp->set_suite(*view.esp->suite);
  }
  if (view.certificate) ToWire(*view.certificate, out->mutable_certificate());
  if (view.quantum_safe) out->set_quantum_safe(*view.quantum_safe);
}

void ToWire(const NeighbourChanges& view, v1::ReplaceNeighboursResponse* out) {
  for (const std::string& id : view.added) out->add_added(id);
  for (const std::string& id : view.removed) out->add_removed(id);
  for (const std::string& id : view.changed) out->add_changed(id);
}

void ToWire(const PolicyView& view, v1::PolicyInForce* out) {
  out->set_version(view.version);
  out->set_operator_(view.operator_name);
  out->set_sha256(view.sha256);
  out->set_signer(view.signer);
  *out->mutable_not_before() = ToWire(view.not_before);
  *out->mutable_not_after() = ToWire(view.not_after);
  *out->mutable_applied_at() = ToWire(view.applied_at);
  out->set_in_force(view.in_force);
  out->set_json(view.json);
}

void ToWire(const PolicyHistoryEntry& view, v1::PolicyHistoryEntry* out) {
  *out->mutable_at() = ToWire(view.at);
  if (view.version) out->set_version(*view.version);
  if (view.sha256) out->set_sha256(*view.sha256);
  out->set_result(view.result);
  out->set_detail(view.detail);
}

void ToWire(const CredentialView& view, v1::Credential* out) {
  out->set_kind(view.kind);
  out->set_subject(view.subject);
  out->set_issuer(view.issuer);
  out->set_serial(view.serial);
  out->set_spki_sha256(view.spki_sha256);
  *out->mutable_not_before() = ToWire(view.not_before);
  *out->mutable_not_after() = ToWire(view.not_after);
  out->set_key_store(view.key_store);
  if (view.ckaid) out->set_ckaid(*view.ckaid);
  out->set_origin(view.origin);
}

void ToWire(const EnrolmentView& view, v1::Enrolment* out) {
  out->set_state(view.state);
  if (view.server) out->set_server(*view.server);
  if (view.transport) out->set_transport(*view.transport);
  if (view.next_attempt) *out->mutable_next_attempt() = ToWire(*view.next_attempt);
  if (view.certificate) ToWire(*view.certificate, out->mutable_certificate());
  if (view.renewal_due) *out->mutable_renewal_due() = ToWire(*view.renewal_due);
  for (const EnrolmentStep& step : view.steps) {
    v1::EnrolmentStep* wire = out->add_steps();
    *wire->mutable_at() = ToWire(step.at);
    wire->set_step(step.step);
    wire->set_ok(step.ok);
    wire->set_detail(step.detail);
  }
}

void ToWire(const RotateReport& view, v1::RotateResponse* out) {
  if (view.spi_out_before) out->set_spi_out_before(*view.spi_out_before);
  if (view.spi_out_after) out->set_spi_out_after(*view.spi_out_after);
  *out->mutable_took() = ToWire(view.took);
}

void ToWire(const DoctorFinding& view, v1::Finding* out) {
  out->set_check(view.check);
  out->set_ok(view.ok);
  out->set_detail(view.detail);
  out->set_remedy(view.remedy);
}

}  // namespace henb::x2sec::control
