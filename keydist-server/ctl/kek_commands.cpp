// keydistctl kek.
#include <CLI/CLI.hpp>

#include "common/status.h"
#include "common/text_table.h"
#include "keydist-server/ctl/commands.h"
#include "keydist-server/ctl/output.h"

namespace henb::keydist::ctl {
namespace {

using Stub = v1::Admin::Stub;
using Json = nlohmann::ordered_json;

constexpr absl::Duration kDeadline = absl::Minutes(1);  // A token may be slow.

absl::Status Show(Session& session) {
  v1::ShowKeksResponse keks;
  RETURN_IF_ERROR(session.Call(&Stub::ShowKeks, v1::ShowKeksRequest(), &keks));
  if (session.json) {
    Json json = {{"in_force", keks.in_force()}, {"since", Rfc3339(keks.since())}, {"roots", keks.roots()}};
    json["keks"] = Json::array();
    for (const v1::Kek& kek : keks.keks()) {
      json["keks"].push_back(
          {{"id", kek.id()}, {"place", kek.place()}, {"in_force", kek.in_force()}, {"wanted", kek.wanted()}});
    }
    json["others"] = Json::array();
    for (const v1::ReplicaKeks& other : keks.others()) {
      json["others"].push_back(
          {{"replica", other.replica()}, {"ids", std::vector<std::string>(other.ids().begin(), other.ids().end())}});
    }
    Print(json);
    return absl::OkStatus();
  }
  common::TextTable table({"kek", "where", "state"});
  for (const v1::Kek& kek : keks.keks()) {
    table.Add({kek.id(), kek.place(),
               kek.in_force() ? common::StrCat("in force since ", Rfc3339(keks.since()), ", ", keks.roots(), " roots")
               : kek.wanted() ? "wanted: keydistctl kek rotate"
                              : "not used"});
  }
  for (const v1::ReplicaKeks& other : keks.others()) {
    for (const std::string& id : other.ids()) table.Add({id, common::StrCat("replica ", other.replica()), "at hand"});
  }
  Print(table.Render());
  return absl::OkStatus();
}

absl::Status Rotate(Session& session) {
  session.deadline = kDeadline;
  v1::RotateKekResponse rotated;
  RETURN_IF_ERROR(session.Call(&Stub::RotateKek, v1::RotateKekRequest(), &rotated));
  if (session.json) {
    Print(Json{{"from", rotated.from()}, {"to", rotated.to()}, {"roots", rotated.roots()}});
  } else {
    Print(common::StrCat(rotated.roots(), " roots are sealed under the KEK ", rotated.to(),
                         rotated.from() == rotated.to()
                             ? " as before\n"
                             : common::StrCat("; ", rotated.from(), " opens nothing any more\n")));
  }
  return absl::OkStatus();
}

}  // namespace

void AddKekCommands(CLI::App& app, Command* chosen) {
  CLI::App* kek = app.add_subcommand("kek", "the key-encryption key, which seals the roots")->require_subcommand(1);
  kek->add_subcommand("show", "which are at hand, and which is in force")->callback([=] { *chosen = &Show; });
  kek->add_subcommand("rotate", "puts the configuration's in force and seals every root anew under it")->callback([=] {
    *chosen = &Rotate;
  });
}

}  // namespace henb::keydist::ctl
