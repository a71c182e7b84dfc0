#include "common/status.h"
#include "common/text_table.h"
#include "henb-x2sec/ctl/output.h"
#include "henb-x2sec/ctl/session.h"
#include "henb/control/v1/control.grpc.pb.h"

namespace henb::x2sec::ctl {

namespace v1 = henb::control::v1;

namespace {

std::string Member(const Json& record, const char* name) {
  const auto found = record.is_object() ? record.find(name) : record.end();
  if (!record.is_object() || found == record.end() || found->is_null()) return "-";
  if (found->is_string()) return Cell(found->get<std::string>());
  if (!found->is_array()) return Cell(found->dump());
  std::vector<std::string> parts;
  for (const Json& item : *found) parts.push_back(item.is_string() ? item.get<std::string>() : item.dump());
  return Cell(common::Join(parts, ","));
}

Json Texts(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  Json array = Json::array();
  for (const std::string& text : texts) array.push_back(text);
  return array;
}

}  // namespace

absl::Status NeighbourAdd(Session& session) {
  v1::AddNeighbourRequest request;
  request.set_record_json(session.input);
  const auto stub = v1::Control::NewStub(session.channel);
  v1::AddNeighbourResponse response;
  RETURN_IF_ERROR_CTX(Call(*stub, &v1::Control::Stub::AddNeighbour, request, &response), session.invocation.file);
  session.err << "added " << Cell(response.neighbour()) << '\n';
  return absl::OkStatus();
}

absl::Status NeighbourRemove(Session& session) {
  v1::RemoveNeighbourRequest request;
  request.set_neighbour(session.invocation.neighbour);
  const auto stub = v1::Control::NewStub(session.channel);
  v1::RemoveNeighbourResponse response;
  RETURN_IF_ERROR(Call(*stub, &v1::Control::Stub::RemoveNeighbour, request, &response));
  session.err << "removed " << request.neighbour() << '\n';
  return absl::OkStatus();
}

absl::Status NeighbourList(Session& session) {
  const auto stub = v1::Status::NewStub(session.channel);
  v1::ListNeighboursResponse response;
  RETURN_IF_ERROR(Call(*stub, &v1::Status::Stub::ListNeighbours, v1::ListNeighboursRequest(), &response));
  Json array = Json::array();
  common::TextTable table({"NEIGHBOUR", "KIND", "IKE ADDRESS", "X2-C", "X2-U", "INTERFACE", "SOURCE"});
  for (const std::string& text : response.records_json()) {
    ASSIGN_OR_RETURN(Json record, ParseAnswer(text));
    table.Add({Member(record, "id"), Member(record, "kind"), Member(record, "ike_address"),
               Member(record, "x2c_addresses"), Member(record, "x2u_addresses"), Member(record, "interface"),
               Member(record, "source")});
    array.push_back(std::move(record));
  }
  if (session.invocation.json) {
    Print(session.out, array);
  } else {
    session.out << table.Render();
  }
  return absl::OkStatus();
}

absl::Status NeighbourReplace(Session& session) {
  v1::ReplaceNeighboursRequest request;
  request.set_records_json(session.input);
  const auto stub = v1::Control::NewStub(session.channel);
  v1::ReplaceNeighboursResponse response;
  RETURN_IF_ERROR_CTX(Call(*stub, &v1::Control::Stub::ReplaceNeighbours, request, &response), session.invocation.file);
  if (session.invocation.json) {
    Print(session.out, Json{{"added", Texts(response.added())},
                            {"removed", Texts(response.removed())},
                            {"changed", Texts(response.changed())}});
  } else {
    session.err << response.added_size() << " added, " << response.removed_size() << " removed, "
                << response.changed_size() << " changed\n";
  }
  return absl::OkStatus();
}

}  // namespace henb::x2sec::ctl
