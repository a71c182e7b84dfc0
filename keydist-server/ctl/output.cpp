#include "keydist-server/ctl/output.h"

#include <cstdio>

#include "absl/time/time.h"

namespace henb::keydist::ctl {

using Json = nlohmann::ordered_json;

std::string Rfc3339(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(time.seconds()), absl::UTCTimeZone());
}

std::string StateName(v1::HenbState state) { return state == v1::HENB_ACTIVE ? "ACTIVE" : "SUSPENDED"; }

std::string RuleName(v1::PairRule rule) {
  switch (rule) {
    case v1::ALLOW:
      return "ALLOW";
    case v1::DENY:
      return "DENY";
    default:
      return "CLEAR";
  }
}

Json ToJson(const v1::Henb& henb) {
  Json out;
  out["id"] = henb.id();
  out["anchor_spki_sha256"] = henb.anchor_spki_sha256();
  out["state"] = StateName(henb.state());
  out["generation"] = henb.generation();
  out["groups"] = henb.groups();
  out["registration"] = nullptr;
  if (henb.has_registration()) {
    const v1::Registration& registration = henb.registration();
    out["registration"] = Json{{"x2_addresses", registration.x2_addresses()},
                               {"cmpv2", registration.cmpv2()},
                               {"boot_id", registration.boot_id()},
                               {"lease_ends", Rfc3339(registration.lease_ends())}};
  }
  return out;
}

Json ToJson(const v1::Pair& pair) {
  return Json{{"lower", pair.lower()}, {"higher", pair.higher()}, {"rule", RuleName(pair.rule())}};
}

Json ToJson(const v1::Epoch& epoch) {
  return Json{{"number", epoch.number()},
              {"state", epoch.state()},
              {"activates", Rfc3339(epoch.activates())},
              {"ends", Rfc3339(epoch.ends())},
              {"expires", Rfc3339(epoch.expires())}};
}

Json ToJson(const v1::ServerStatus& status) {
  Json out{{"version", status.version()},
           {"listen", status.listen()},
           {"placement", status.placement()},
           {"started", Rfc3339(status.started())},
           {"revision", status.revision()},
           {"henbs", status.henbs()},
           {"pairs", status.pairs()},
           {"leases", status.leases()},
           {"watchers", status.watchers()},
           {"epoch", status.epoch()},
           {"audit_records", status.audit_records()},
           {"keys_issued", status.keys_issued()},
           {"denials", status.denials()},
           {"over_quota", status.over_quota()}};
  out["health"] = Json::array();
  for (const v1::SubsystemHealth& health : status.health()) {
    out["health"].push_back(Json{{"name", health.name()}, {"ok", health.ok()}, {"detail", health.detail()}});
  }
  return out;
}

void Print(const Json& json) { Print(json.dump(2) + "\n"); }
void Print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

}  // namespace henb::keydist::ctl
