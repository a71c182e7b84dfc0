// keydistctl audit.
#include <CLI/CLI.hpp>

#include "common/status.h"
#include "common/text_table.h"
#include "keydist-server/ctl/audit_check.h"
#include "keydist-server/ctl/commands.h"
#include "keydist-server/ctl/output.h"

namespace henb::keydist::ctl {
namespace {

using Stub = v1::Admin::Stub;
using Json = nlohmann::ordered_json;

std::string Text(const Json& record, const char* key) {
  const auto found = record.find(key);
  if (found == record.end()) return "-";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::string PeersText(const Json& record) {
  if (!record.contains("peers")) return Text(record, "detail");
  std::vector<std::string> peers;
  for (const Json& peer : record["peers"])
    peers.push_back(common::StrCat(Text(peer, "peer"), "=", Text(peer, "outcome")));
  return common::Join(peers, " ");
}

absl::Status ShowAudit(Session& session, std::uint32_t last) {
  v1::ShowAuditRequest request;
  request.set_last(last);
  v1::ShowAuditResponse response;
  RETURN_IF_ERROR(session.Call(&Stub::ShowAudit, request, &response));
  Json array = Json::array();
  common::TextTable table({"seq", "at", "event", "actor", "epoch", "about"});
  for (const std::string& line : response.records()) {
    Json record = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (record.is_discarded()) return absl::InternalError("the server's audit record is not JSON");
    table.Add({Text(record, "seq"), Text(record, "at"), Text(record, "event"), Text(record, "actor"),
               Text(record, "epoch"), PeersText(record)});
    array.push_back(std::move(record));
  }
  session.json ? Print(array) : Print(table.Render());
  return absl::OkStatus();
}

Json PlaceJson(const domain::AuditPlace& place) {
  if (place.sequence == 0) return nullptr;
  return Json{{"seq", place.sequence}, {"at", place.at}};
}

std::string PlaceText(const domain::AuditPlace& place) {
  return place.sequence == 0 ? "-" : common::StrCat(place.sequence, "  ", place.at);
}

/// Null when no heads were asked for.
Json HeadsJson(const AuditCheckOptions& options, const AuditCheckResult& result) {
  if (options.heads.empty()) return nullptr;
  Json json{{"checked", result.heads}, {"last", nullptr}};
  if (const auto& last = result.last_head) {
    json["last"] = Json{{"seq", last->chain.sequence},
                        {"at", absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", last->at, absl::UTCTimeZone())},
                        {"replica", last->replica}};
  }
  return json;
}

std::string HeadsText(const Json& heads) {
  if (heads.is_null()) return "not checked: a cut tail does not show";
  std::string checked = common::StrCat(heads["checked"].dump(), " checked");
  if (heads["last"].is_null()) return checked;
  return common::StrCat(checked, ", the last after record ", heads["last"]["seq"].dump(), " at ",
                        Text(heads["last"], "at"), " by ", Text(heads["last"], "replica"));
}

absl::Status VerifyAudit(Session& session, const AuditCheckOptions& options) {
  const AuditCheckResult result = CheckAudit(options);
  if (absl::IsInvalidArgument(result.status)) return result.status;
  const domain::AuditVerifier& chain = result.chain;
  const Json heads = HeadsJson(options, result);
  if (session.json) {
    Print(Json{{"intact", result.status.ok()},
               {"files", result.files},
               {"records", chain.records()},
               {"first", PlaceJson(chain.first())},
               {"last", PlaceJson(chain.last())},
               {"hash", chain.head().hash.ToHex()},
               {"heads", heads},
               {"error", result.status.ok() ? Json(nullptr) : Json(std::string(result.status.message()))}});
  } else {
    Print(common::StrCat(result.status.ok() ? "intact\n" : "DAMAGED; read up to the damage:\n",  //
                         "files    ", result.files, "\n",                                        //
                         "records  ", chain.records(), "\n",                                     //
                         "first    ", PlaceText(chain.first()), "\n",                            //
                         "last     ", PlaceText(chain.last()), "\n",                             //
                         "hash     ", chain.head().hash.ToHex(), "\n",                           //
                         "heads    ", HeadsText(heads), "\n"));
  }
  return result.status;
}

}  // namespace

void AddAuditCommands(CLI::App& app, Command* chosen) {
  CLI::App* audit = app.add_subcommand("audit", "audit records")->require_subcommand(1);
  CLI::App* show = audit->add_subcommand("show", "the last records");
  auto last = std::make_shared<std::uint32_t>(20);
  show->add_option("--last", *last, "how many, at most 1000")->capture_default_str();
  show->callback([=] { *chosen = [=](Session& session) { return ShowAudit(session, *last); }; });

  CLI::App* verify = audit->add_subcommand("verify", "check the hash chain of audit files, without the server");
  auto options = std::make_shared<AuditCheckOptions>();
  verify->add_option("FILE", options->files, "audit files that make one chain, oldest first")->required();
  verify->add_flag("--partial", options->partial, "the first file need not begin with record 1");
  CLI::Option* heads = verify->add_option("--heads", options->heads, "file of signed heads: shows a tail that was cut");
  CLI::Option* key = verify->add_option("--heads-key", options->heads_key, "public key of the heads, PEM");
  heads->needs(key);
  key->needs(heads);
  verify->callback([=] { *chosen = [=](Session& session) { return VerifyAudit(session, *options); }; });
}

}  // namespace henb::keydist::ctl
