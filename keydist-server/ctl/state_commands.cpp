// keydistctl pair, epoch, status.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "common/henb_id.h"
#include "common/status.h"
#include "common/text_table.h"
#include "keydist-server/ctl/commands.h"
#include "keydist-server/ctl/output.h"

namespace henb::keydist::ctl {
namespace {

using Stub = v1::Admin::Stub;
using Json = nlohmann::ordered_json;

absl::Status SetPair(Session& session, const std::string& one, const std::string& other, v1::PairRule rule) {
  RETURN_IF_ERROR(common::HenbId::Parse(one).status());
  RETURN_IF_ERROR(common::HenbId::Parse(other).status());
  v1::SetPairRequest request;
  request.set_one(one);
  request.set_other(other);
  request.set_rule(rule);
  v1::Pair pair;
  RETURN_IF_ERROR(session.Call(&Stub::SetPair, request, &pair));
  if (session.json) {
    Print(ToJson(pair));
    return absl::OkStatus();
  }
  common::TextTable table({"lower", "higher", "rule"});
  table.Add({pair.lower(), pair.higher(), RuleName(pair.rule())});
  Print(table.Render());
  return absl::OkStatus();
}

absl::Status ListPairs(Session& session) {
  v1::ListPairsRequest request;
  Json array = Json::array();
  common::TextTable table({"lower", "higher", "rule"});
  do {
    v1::ListPairsResponse page;
    RETURN_IF_ERROR(session.Call(&Stub::ListPairs, request, &page));
    for (const v1::Pair& pair : page.pairs()) {
      if (session.json) {
        array.push_back(ToJson(pair));
      } else {
        table.Add({pair.lower(), pair.higher(), RuleName(pair.rule())});
      }
    }
    request.set_after(page.next_after());
  } while (!request.after().empty());
  session.json ? Print(array) : Print(table.Render());
  return absl::OkStatus();
}

void PrintEpochs(const Session& session, const v1::ShowEpochsResponse& response) {
  Json array = Json::array();
  common::TextTable table({"epoch", "state", "activates", "ends", "expires"});
  for (const v1::Epoch& epoch : response.epochs()) {
    array.push_back(ToJson(epoch));
    table.Add({std::to_string(epoch.number()), epoch.state(), Rfc3339(epoch.activates()), Rfc3339(epoch.ends()),
               Rfc3339(epoch.expires())});
  }
  session.json ? Print(array) : Print(table.Render());
}

absl::Status ShowEpochs(Session& session) {
  v1::ShowEpochsResponse response;
  RETURN_IF_ERROR(session.Call(&Stub::ShowEpochs, v1::ShowEpochsRequest(), &response));
  PrintEpochs(session, response);
  return absl::OkStatus();
}

absl::Status AdvanceEpoch(Session& session, const std::string& in) {
  absl::Duration activate_in;
  if (!absl::ParseDuration(common::ToAbsl(in), &activate_in) || activate_in < absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        common::StrCat("--in: \"", common::Quoted(in), "\" is not a duration such as \"5m\""));
  }
  v1::AdvanceEpochRequest request;
  request.set_activate_in_s(static_cast<std::uint64_t>(absl::ToInt64Seconds(activate_in)));
  v1::ShowEpochsResponse response;
  RETURN_IF_ERROR(session.Call(&Stub::AdvanceEpoch, request, &response));
  PrintEpochs(session, response);
  return absl::OkStatus();
}

std::string StatusText(const v1::ServerStatus& status) {
  std::string text;
  const Json json = ToJson(status);
  for (const auto& [name, value] : json.items()) {
    if (name == "health") continue;
    common::StrAppend(&text, name, std::string(name.size() < 15 ? 15 - name.size() : 1, ' '),
                      value.is_string() ? value.get<std::string>() : value.dump(), "\n");
  }
  common::TextTable table({"subsystem", "health", "detail"});
  for (const v1::SubsystemHealth& health : status.health()) {
    table.Add({health.name(), health.ok() ? "ok" : "FAILED", health.detail().empty() ? "-" : health.detail()});
  }
  return common::StrCat(text, "\n", table.Render());
}

absl::Status ShowStatus(Session& session) {
  v1::ServerStatus status;
  RETURN_IF_ERROR(session.Call(&Stub::GetStatus, v1::GetStatusRequest(), &status));
  session.json ? Print(ToJson(status)) : Print(StatusText(status));
  return absl::OkStatus();
}

struct WatchOptions {
  bool watch = false;
  std::string every = "2s";
  std::uint64_t times = 0;  ///< 0: for ever.
};

/// On a terminal each status takes the place of the one before. A server that is away is waited for.
absl::Status WatchStatus(Session& session, const WatchOptions& options) {
  absl::Duration every;
  if (!absl::ParseDuration(common::ToAbsl(options.every), &every) || every < absl::Milliseconds(100)) {
    return absl::InvalidArgumentError(
        common::StrCat("--every: ", common::Quoted(options.every), " is not a duration of 100ms or more"));
  }
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  absl::Status last;
  for (std::uint64_t i = 0; options.times == 0 || i < options.times; ++i) {
    if (i > 0) absl::SleepFor(every);
    v1::ServerStatus status;
    last = session.Call(&Stub::GetStatus, v1::GetStatusRequest(), &status);
    if (last.ok() && session.json) {
      Print(ToJson(status).dump() + "\n");
    } else if (last.ok()) {
      Print(common::StrCat(terminal ? "\033[H\033[J" : i > 0 ? "\n" : "", StatusText(status)));
    } else {
      std::fprintf(stderr, "keydistctl: %s\n", std::string(last.message()).c_str());
    }
    std::fflush(stdout);
  }
  return last;
}

void AddPairCommand(CLI::App& parent, const std::string& name, const std::string& about, v1::PairRule rule,
                    Command* chosen) {
  CLI::App* command = parent.add_subcommand(name, about);
  auto ends = std::make_shared<std::pair<std::string, std::string>>();
  command->add_option("HENB", ends->first, "one end")->required();
  command->add_option("PEER", ends->second, "the other")->required();
  command->callback(
      [=] { *chosen = [=](Session& session) { return SetPair(session, ends->first, ends->second, rule); }; });
}

}  // namespace

void AddStateCommands(CLI::App& app, Command* chosen) {
  CLI::App* pair = app.add_subcommand("pair", "exceptions from the groups")->require_subcommand(1);
  AddPairCommand(*pair, "allow", "allow a pair whatever its groups", v1::ALLOW, chosen);
  AddPairCommand(*pair, "deny", "deny a pair whatever its groups", v1::DENY, chosen);
  AddPairCommand(*pair, "clear", "no exception: groups decide", v1::CLEAR, chosen);
  pair->add_subcommand("list", "all exceptions")->callback([=] { *chosen = &ListPairs; });

  CLI::App* epoch = app.add_subcommand("epoch", "key epochs")->require_subcommand(1);
  epoch->add_subcommand("show", "all epochs")->callback([=] { *chosen = &ShowEpochs; });
  CLI::App* advance = epoch->add_subcommand("advance", "make the next epoch now");
  auto in = std::make_shared<std::string>("0s");
  advance->add_option("--in", *in, "activate it after this time")->capture_default_str();
  advance->callback([=] { *chosen = [=](Session& session) { return AdvanceEpoch(session, *in); }; });

  CLI::App* status = app.add_subcommand("status", "the server and its health");
  auto watch = std::make_shared<WatchOptions>();
  CLI::Option* again = status->add_flag("--watch", watch->watch, "again and again; with --json one object a line");
  status->add_option("--every", watch->every, "how often")->capture_default_str()->needs(again);
  status->add_option("--times", watch->times, "ends after so many")->needs(again);
  status->callback([=] {
    *chosen = [=](Session& session) { return watch->watch ? WatchStatus(session, *watch) : ShowStatus(session); };
  });
}

}  // namespace henb::keydist::ctl
