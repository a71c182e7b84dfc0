#include "policy/records.h"

#include "common/status.h"
#include "policy/json_reader.h"

namespace henb::policy {
namespace {

constexpr JsonLimits kLimits = {64U << 10, 6};
constexpr std::uint64_t kLargestCsgId = (1U << 27) - 1;
constexpr std::size_t kMostAddresses = 64;

void ReadCsg(JsonObject* object, std::optional<std::uint32_t>* csg_id, std::optional<AccessMode>* access_mode) {
  std::uint64_t id = kLargestCsgId + 1;
  object->Number("csg_id", 0, kLargestCsgId, &id);
  if (id <= kLargestCsgId) *csg_id = static_cast<std::uint32_t>(id);
  object->Text<AccessMode>("access_mode", ParseName<AccessMode>, access_mode);
}

void ReadBool(JsonObject* object, std::string_view field, std::optional<bool>* out) {
  if (object->Find(field) == nullptr) return;
  bool value = false;
  object->Bool(field, &value);
  *out = value;
}

void ReadAddresses(JsonObject* object, std::string_view field, std::vector<common::IpAddress>* out,
                   Problems* problems) {
  object->List<common::IpAddress>(field, common::IpAddress::Parse, out, /*may_be_empty=*/true);
  if (out->size() > kMostAddresses) {
    problems->Add(object->PathOf(field), common::StrCat("has ", out->size(), " addresses; at most ", kMostAddresses));
  }
}

void ReadFailures(JsonObject* object, std::vector<Failure>* out, Problems* problems) {
  const Json* list = object->Items("failures", /*may_be_empty=*/true);
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
    JsonObject item(&(*list)[i], common::StrCat("failures[", i, "]"), problems);
    Failure failure;
    item.Require("method");
    item.Require("kind");
    item.Text<Method>("method", ParseName<Method>, &failure.method);
    item.Text<FailureKind>("kind", ParseName<FailureKind>, &failure.kind);
    item.RefuseUnknown();
    out->push_back(failure);
  }
}

}  // namespace

absl::StatusOr<NeighbourRecord> ReadNeighbourRecord(std::string_view json) {
  ASSIGN_OR_RETURN(const Json tree, ParseJsonObject(json, kLimits));
  Problems problems;
  NeighbourRecord record;
  JsonObject object(&tree, "", &problems);
  object.set_nullable(true);
  object.Require("id");
  object.Text<common::HenbId>("id", common::HenbId::Parse, &record.id);
  object.Text<Kind>("kind", ParseName<Kind>, &record.kind);
  ReadAddresses(&object, "x2c_addresses", &record.x2c_addresses, &problems);
  ReadAddresses(&object, "x2u_addresses", &record.x2u_addresses, &problems);
  object.Text<common::IpAddress>("ike_address", common::IpAddress::Parse, &record.ike_address);
  object.Text<std::string>("interface", ParseInterface, &record.interface);
  object.Text<common::SpkiHash>("issuer_spki_sha256", common::SpkiHash::ParseHex, &record.issuer_spki_sha256);
  JsonObject capabilities = object.Object("capabilities");
  ReadBool(&capabilities, "cmpv2", &record.cmpv2);
  ReadBool(&capabilities, "psk", &record.psk);
  capabilities.RefuseUnknown();
  ReadCsg(&object, &record.csg_id, &record.access_mode);
  object.RefuseUnknown();
  RETURN_IF_ERROR(problems.status());
  return record;
}

std::string WriteNeighbourRecord(const NeighbourRecord& record) {
  nlohmann::ordered_json out;
  out["id"] = record.id.str();
  const auto addresses = [&](const char* field, const std::vector<common::IpAddress>& list) {
    for (const common::IpAddress& address : list) out[field].push_back(address.ToString());
  };
  if (record.kind.has_value()) out["kind"] = Name(*record.kind);
  addresses("x2c_addresses", record.x2c_addresses);
  addresses("x2u_addresses", record.x2u_addresses);
  if (record.ike_address.has_value()) out["ike_address"] = record.ike_address->ToString();
  if (record.interface.has_value()) out["interface"] = *record.interface;
  if (record.issuer_spki_sha256.has_value()) out["issuer_spki_sha256"] = record.issuer_spki_sha256->ToHex();
  if (record.cmpv2.has_value()) out["capabilities"]["cmpv2"] = *record.cmpv2;
  if (record.psk.has_value()) out["capabilities"]["psk"] = *record.psk;
  if (record.csg_id.has_value()) out["csg_id"] = *record.csg_id;
  if (record.access_mode.has_value()) out["access_mode"] = Name(*record.access_mode);
  return out.dump();
}

absl::StatusOr<Facts> ReadSelf(std::string_view json) {
  ASSIGN_OR_RETURN(const Json tree, ParseJsonObject(json, kLimits));
  Problems problems;
  Facts facts;
  JsonObject object(&tree, "", &problems);
  object.Require("id");
  object.Text<common::HenbId>("id", common::HenbId::Parse, &facts.self.id);
  object.List<common::SpkiHash>("vendor_anchors", common::SpkiHash::ParseHex, &facts.self.vendor_anchors, true);
  object.List<common::SpkiHash>("operator_anchors", common::SpkiHash::ParseHex, &facts.self.operator_anchors, true);
  JsonObject features = object.Object("features");
  features.Bool("ipsec", &facts.self.ipsec);
  features.Bool("cmp", &facts.self.cmpv2);
  features.Bool("keydist", &facts.self.keydist);
  features.RefuseUnknown();
  ReadCsg(&object, &facts.self.csg_id, &facts.self.access_mode);
  JsonObject enrolment = object.Object("enrolment");
  enrolment.Bool("self_enrolled", &facts.enrolment.self_enrolled);
  enrolment.Bool("peer_enrolled", &facts.enrolment.peer_enrolled);
  enrolment.RefuseUnknown();
  JsonObject health = object.Object("health");
  health.Bool("clock_sane", &facts.health.clock_sane);
  health.Bool("backhaul_up", &facts.health.backhaul_up);
  health.Text<absl::Duration>("revocation_stale_for", ParseDuration, &facts.health.revocation_stale_for);
  health.RefuseUnknown();
  ReadFailures(&object, &facts.failures, &problems);
  object.Text<absl::Time>("now", ParseTimestamp, &facts.now);
  object.RefuseUnknown();
  RETURN_IF_ERROR(problems.status());
  return facts;
}

}  // namespace henb::policy
