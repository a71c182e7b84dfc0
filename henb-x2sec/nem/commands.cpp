#include "henb-x2sec/nem/commands.h"

#include <nlohmann/json.hpp>
#include <ostream>

#include "common/clock.h"
#include "common/status.h"
#include "common/text_table.h"
#include "henb-x2sec/nem/files.h"
#include "henb-x2sec/nem/manual_exchange.h"
#include "henb-x2sec/nem/request_store.h"

namespace henb::x2sec::nem {
namespace {

using Json = nlohmann::ordered_json;

std::string Rfc3339(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone()); }

absl::Time Now() { return common::SystemClock().Now(); }

Json TextOrNull(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

absl::Status PrintItems(const std::vector<ManualItem>& items, const CommandOutput& output) {
  int failed = 0;
  Json json = Json::array();
  common::TextTable table({"DEVICE", "FILE", "RESULT"});
  for (const ManualItem& item : items) {
    const std::string error(common::ToStd(item.status.message()));
    if (!item.status.ok()) ++failed;
    json.push_back({{"device", TextOrNull(item.device)},
                    {"file", TextOrNull(item.file)},
                    {"ok", item.status.ok()},
                    {"error", TextOrNull(error)}});
    table.Add({item.device, item.file, item.status.ok() ? "ok" : error});
  }
  output.out << (output.json ? json.dump(1) + "\n" : table.Render());
  if (failed == 0) return absl::OkStatus();
  return absl::InternalError(common::StrCat(failed, " of ", items.size(), " failed"));
}

}  // namespace

absl::Status ShowStatus(const Config& config, const CommandOutput& output) {
  ASSIGN_OR_RETURN(const auto store, RequestStore::Open(config.store_path));
  ASSIGN_OR_RETURN(const auto counts, store->Counts());
  ASSIGN_OR_RETURN(const std::string last_batch, store->NoteOf("last_batch"));
  ASSIGN_OR_RETURN(const auto devices, ReadDeviceList(config));
  ASSIGN_OR_RETURN(const std::vector<Request> revocations, store->ToRevoke(absl::InfiniteFuture(), 1'000'000));
  if (output.json) {
    Json requests;
    for (const auto& [state, count] : counts) requests[std::string(NameOf(state))] = count;
    const Json json = {{"requests", requests},
                       {"revocations_due", revocations.size()},
                       {"devices_allowed", devices->size()},
                       {"ra", TextOrNull(config.ra_url)},
                       {"last_batch", last_batch.empty() ? Json(nullptr) : Json::parse(last_batch, nullptr, false)}};
    output.out << json.dump(1) << "\n";
    return absl::OkStatus();
  }
  common::TextTable table({"WHAT", "VALUE"});
  for (const auto& [state, count] : counts) table.Add({std::string(NameOf(state)), std::to_string(count)});
  table.Add({"revocations due", std::to_string(revocations.size())});
  table.Add({"devices allowed", std::to_string(devices->size())});
  table.Add({"RA/CA", config.ra_url.empty() ? "none: manual mode" : config.ra_url});
  table.Add({"last batch", last_batch.empty() ? "none yet" : last_batch});
  output.out << table.Render();
  return absl::OkStatus();
}

absl::Status ListRequests(const Config& config, const std::optional<std::string>& state, const CommandOutput& output) {
  const std::optional<RequestState> wanted = state.has_value() ? StateNamed(*state) : std::nullopt;
  if (state.has_value() && !wanted.has_value())
    return absl::InvalidArgumentError(common::StrCat("no state ", common::Quoted(*state)));
  ASSIGN_OR_RETURN(const auto store, RequestStore::Open(config.store_path));
  ASSIGN_OR_RETURN(const std::vector<Request> requests, wanted.has_value() ? store->InState(*wanted) : store->All());
  Json json = Json::array();
  common::TextTable table({"DEVICE", "STATE", "RECEIVED", "CHANGED", "ATTEMPTS", "SERIAL", "ID", "DETAIL"});
  for (const Request& each : requests) {
    const std::string serial = each.chain.empty() ? "" : each.chain.front().serial_hex();
    json.push_back({{"id", each.id},
                    {"device", each.device.str()},
                    {"state", NameOf(each.state)},
                    {"received", Rfc3339(each.received)},
                    {"changed", Rfc3339(each.changed)},
                    {"attempts", each.attempts},
                    {"next_attempt", each.state == RequestState::kPending ? Json(Rfc3339(each.next_attempt)) : Json()},
                    {"serial", TextOrNull(serial)},
                    {"collected", each.collected},
                    {"revoke_at", each.revoke_at.has_value() ? Json(Rfc3339(*each.revoke_at)) : Json()},
                    {"revoked", each.revoked},
                    {"detail", TextOrNull(each.detail)}});
    table.Add({each.device.str(), std::string(NameOf(each.state)), Rfc3339(each.received), Rfc3339(each.changed),
               std::to_string(each.attempts), serial, each.id, each.detail});
  }
  output.out << (output.json ? json.dump(1) + "\n" : table.Render());
  return absl::OkStatus();
}

absl::Status Export(const Config& config, const std::string& folder, const CommandOutput& output) {
  ASSIGN_OR_RETURN(const auto store, RequestStore::Open(config.store_path));
  ASSIGN_OR_RETURN(const auto devices, ReadDeviceList(config));
  ASSIGN_OR_RETURN(const std::vector<ManualItem> items, ExportRequests(*store, *devices, folder, Now()));
  return PrintItems(items, output);
}

absl::Status Import(const Config& config, const std::string& folder, const CommandOutput& output) {
  ASSIGN_OR_RETURN(const auto store, RequestStore::Open(config.store_path));
  ASSIGN_OR_RETURN(const auto devices, ReadDeviceList(config));
  ASSIGN_OR_RETURN(const auto roots, ReadCertificates(config.operator_root));
  ASSIGN_OR_RETURN(const std::vector<ManualItem> items, ImportCertificates(*store, *devices, folder, roots, Now()));
  return PrintItems(items, output);
}

absl::Status Retry(const Config& config, const std::vector<std::string>& ids) {
  ASSIGN_OR_RETURN(const auto store, RequestStore::Open(config.store_path));
  for (const std::string& id : ids) RETURN_IF_ERROR(RetryRequest(*store, id, Now()));
  return absl::OkStatus();
}

}  // namespace henb::x2sec::nem
