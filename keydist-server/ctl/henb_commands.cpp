// keydistctl henb, group, rotate.
#include <CLI/CLI.hpp>

#include "common/certificate.h"
#include "common/digest.h"
#include "common/file.h"
#include "common/henb_id.h"
#include "common/status.h"
#include "common/text_table.h"
#include "keydist-server/ctl/commands.h"
#include "keydist-server/ctl/output.h"

namespace henb::keydist::ctl {
namespace {

using Stub = v1::Admin::Stub;

std::string Joined(const google::protobuf::RepeatedPtrField<std::string>& items) {
  return items.empty() ? "-" : common::Join({items.begin(), items.end()}, ",");
}

void PrintHenb(const Session& session, const v1::Henb& henb) {
  if (session.json) return Print(ToJson(henb));
  common::TextTable table({"henb", "state", "generation", "groups"});
  table.Add({henb.id(), StateName(henb.state()), std::to_string(henb.generation()), Joined(henb.groups())});
  Print(table.Render());
}

absl::Status CheckId(const std::string& id) { return common::HenbId::Parse(id).status(); }

struct AddOptions {
  v1::AddHenbRequest request;
  std::string id;
  std::vector<std::string> anchors;
  std::vector<std::string> anchor_files;
  std::vector<std::string> groups;
};

absl::Status Add(Session& session, AddOptions& options) {
  RETURN_IF_ERROR(CheckId(options.id));
  v1::AddHenbRequest request;
  request.set_id(options.id);
  for (const std::string& text : options.anchors) {
    RETURN_IF_ERROR_CTX(common::Sha256Digest::ParseHex(text).status(), "--anchor");
    request.add_anchor_spki_sha256(text);
  }
  for (const std::string& path : options.anchor_files) {
    const absl::StatusOr<std::string> pem = common::ReadFile(path);
    if (!pem.ok()) return absl::InvalidArgumentError(common::StrCat("--anchor-cert: ", pem.status().message()));
    ASSIGN_OR_RETURN_CTX(const common::Certificate anchor, common::Certificate::FromPem(*pem),
                         common::StrCat("--anchor-cert ", path));
    request.add_anchor_spki_sha256(anchor.spki().ToHex());
  }
  for (const std::string& group : options.groups) request.add_groups(group);
  v1::Henb response;
  RETURN_IF_ERROR(session.Call(&Stub::AddHenb, request, &response));
  PrintHenb(session, response);
  return absl::OkStatus();
}

absl::Status List(Session& session, const std::string& group) {
  v1::ListHenbsRequest request;
  request.set_group(group);
  nlohmann::ordered_json array = nlohmann::ordered_json::array();
  common::TextTable table({"henb", "state", "generation", "groups", "registered"});
  do {
    v1::ListHenbsResponse page;
    RETURN_IF_ERROR(session.Call(&Stub::ListHenbs, request, &page));
    for (const v1::Henb& henb : page.henbs()) {
      if (session.json) {
        array.push_back(ToJson(henb));
      } else {
        table.Add({henb.id(), StateName(henb.state()), std::to_string(henb.generation()), Joined(henb.groups()),
                   henb.has_registration() ? Joined(henb.registration().x2_addresses()) : "-"});
      }
    }
    request.set_after(page.next_after());
  } while (!request.after().empty());
  session.json ? Print(array) : Print(table.Render());
  return absl::OkStatus();
}

absl::Status Show(Session& session, const std::string& id) {
  RETURN_IF_ERROR(CheckId(id));
  v1::HenbName request;
  request.set_id(id);
  v1::Henb henb;
  RETURN_IF_ERROR(session.Call(&Stub::ShowHenb, request, &henb));
  if (session.json) {
    Print(ToJson(henb));
    return absl::OkStatus();
  }
  std::string text = common::StrCat("henb        ", henb.id(), "\nstate       ", StateName(henb.state()),
                                    "\ngeneration  ", henb.generation(), "\ngroups      ", Joined(henb.groups()), "\n");
  for (const std::string& anchor : henb.anchor_spki_sha256()) common::StrAppend(&text, "anchor      ", anchor, "\n");
  if (henb.has_registration()) {
    common::StrAppend(&text, "addresses   ", Joined(henb.registration().x2_addresses()), "\ncmpv2       ",
                      henb.registration().cmpv2() ? "yes" : "no", "\nlease until ",
                      Rfc3339(henb.registration().lease_ends()), "\n");
  }
  Print(text);
  return absl::OkStatus();
}

using NameCall = grpc::Status (Stub::*)(grpc::ClientContext*, const v1::HenbName&, v1::Henb*);

void AddNameCommand(CLI::App& parent, const std::string& name, const std::string& about, NameCall call,
                    Command* chosen) {
  CLI::App* command = parent.add_subcommand(name, about);
  auto id = std::make_shared<std::string>();
  command->add_option("HENB", *id, "identity")->required();
  command->callback([=] {
    *chosen = [=](Session& session) -> absl::Status {
      RETURN_IF_ERROR(CheckId(*id));
      v1::HenbName request;
      request.set_id(*id);
      v1::Henb henb;
      RETURN_IF_ERROR(session.Call(call, request, &henb));
      PrintHenb(session, henb);
      return absl::OkStatus();
    };
  });
}

using GroupCall = grpc::Status (Stub::*)(grpc::ClientContext*, const v1::GroupMembership&, v1::Henb*);

void AddGroupCommand(CLI::App& parent, const std::string& name, const std::string& about, GroupCall call,
                     Command* chosen) {
  CLI::App* command = parent.add_subcommand(name, about);
  auto request = std::make_shared<std::pair<std::string, std::string>>();
  command->add_option("GROUP", request->first, "name of the group")->required();
  command->add_option("HENB", request->second, "identity")->required();
  command->callback([=] {
    *chosen = [=](Session& session) -> absl::Status {
      RETURN_IF_ERROR(CheckId(request->second));
      v1::GroupMembership membership;
      membership.set_group(request->first);
      membership.set_henb(request->second);
      v1::Henb henb;
      RETURN_IF_ERROR(session.Call(call, membership, &henb));
      PrintHenb(session, henb);
      return absl::OkStatus();
    };
  });
}

}  // namespace

void AddHenbCommands(CLI::App& app, Command* chosen) {
  CLI::App* henb = app.add_subcommand("henb", "HeNBs that are registered")->require_subcommand(1);

  CLI::App* add = henb->add_subcommand("add", "register a HeNB");
  auto options = std::make_shared<AddOptions>();
  add->add_option("HENB", options->id, "identity: the dNSName of its certificate")->required();
  add->add_option("--anchor", options->anchors, "SHA-256 of a trust anchor's SubjectPublicKeyInfo, hexadecimal");
  add->add_option("--anchor-cert", options->anchor_files, "PEM file of a trust anchor");
  add->add_option("--group", options->groups, "group to put it in");
  add->callback([=] { *chosen = [=](Session& session) { return Add(session, *options); }; });

  CLI::App* list = henb->add_subcommand("list", "all HeNBs");
  auto group = std::make_shared<std::string>();
  list->add_option("--group", *group, "only members of this group");
  list->callback([=] { *chosen = [=](Session& session) { return List(session, *group); }; });

  CLI::App* show = henb->add_subcommand("show", "one HeNB");
  auto id = std::make_shared<std::string>();
  show->add_option("HENB", *id, "identity")->required();
  show->callback([=] { *chosen = [=](Session& session) { return Show(session, *id); }; });

  AddImportCommand(*henb, chosen);
  AddNameCommand(*henb, "suspend", "no keys for it and its peers; raises its generation", &Stub::SuspendHenb, chosen);
  AddNameCommand(*henb, "resume", "end a suspension", &Stub::ResumeHenb, chosen);
  AddNameCommand(*henb, "remove", "forget it; its name keeps counting generations", &Stub::RemoveHenb, chosen);
  AddNameCommand(app, "rotate", "new keys for all pairs of a HeNB", &Stub::RotateHenb, chosen);

  CLI::App* groups =
      app.add_subcommand("group", "groups, whose members may have each other's keys")->require_subcommand(1);
  AddGroupCommand(*groups, "add", "put a HeNB into a group", &Stub::AddToGroup, chosen);
  AddGroupCommand(*groups, "remove", "take a HeNB out of a group", &Stub::RemoveFromGroup, chosen);
}

}  // namespace henb::keydist::ctl
