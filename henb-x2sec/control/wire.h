// Views and their messages of henb.control.v1, one to one. For this module's services only: includes generated code.
#pragma once

#include "absl/time/time.h"
#include "henb-x2sec/control/views.h"
#include "henb/control/v1/control.pb.h"

namespace henb::x2sec::control {

[[nodiscard]] google::protobuf::Timestamp ToWire(absl::Time time);
[[nodiscard]] google::protobuf::Duration ToWire(absl::Duration duration);
/// Infinite when out of the message's range.
[[nodiscard]] absl::Duration FromWire(const google::protobuf::Duration& duration);

void ToWire(const LinkView& view, henb::control::v1::Link* out);
void ToWire(const CertificateView& view, henb::control::v1::Certificate* out);
void ToWire(const NeighbourChanges& view, henb::control::v1::ReplaceNeighboursResponse* out);
void ToWire(const PolicyView& view, henb::control::v1::PolicyInForce* out);
void ToWire(const PolicyHistoryEntry& view, henb::control::v1::PolicyHistoryEntry* out);
void ToWire(const CredentialView& view, henb::control::v1::Credential* out);
void ToWire(const EnrolmentView& view, henb::control::v1::Enrolment* out);
void ToWire(const RotateReport& view, henb::control::v1::RotateResponse* out);
void ToWire(const DoctorFinding& view, henb::control::v1::Finding* out);

}  // namespace henb::x2sec::control
