#include "common/status.h"
#include "common/text_table.h"
#include "henb-x2sec/ctl/output.h"
#include "henb-x2sec/ctl/session.h"
#include "henb/control/v1/control.grpc.pb.h"

namespace henb::x2sec::ctl {

namespace v1 = henb::control::v1;

namespace {

/// The daemon ends a wait; the call's own deadline is for a daemon that hangs.
constexpr absl::Duration kGrace = absl::Seconds(5);

google::protobuf::Duration ToWire(absl::Duration duration) {
  google::protobuf::Duration wire;
  const absl::Duration whole = absl::Trunc(duration, absl::Seconds(1));
  wire.set_seconds(absl::ToInt64Seconds(whole));
  wire.set_nanos(static_cast<std::int32_t>(absl::ToInt64Nanoseconds(duration - whole)));
  return wire;
}

void PrintTable(std::ostream& out, const v1::ListLinksResponse& response) {
  common::TextTable table({"NEIGHBOUR", "STATE", "METHOD", "RULE", "SINCE", "SPI OUT", "REASON"});
  for (const v1::Link& link : response.links()) {
    table.Add({Cell(link.neighbour()), Cell(link.state()), Cell(link.method()), Cell(link.rule()),
               link.has_since() ? TimeText(link.since()) : "-",
               link.esp().has_spi_out() ? SpiText(link.esp().spi_out()) : "-",
               Cell(link.has_last_error() ? link.last_error() : link.reason())});
  }
  out << table.Render();
}

Json LinksJson(const v1::ListLinksResponse& response) {
  Json array = Json::array();
  for (const v1::Link& link : response.links()) array.push_back(LinkJson(link));
  return array;
}

/// One array a line (JSON Lines), or one table after another.
absl::Status Watch(Session& session) {
  const auto stub = v1::Status::NewStub(session.channel);
  const std::unique_ptr<grpc::ClientContext> context = ContextFor(absl::InfiniteDuration());
  const auto reader = stub->WatchLinks(context.get(), v1::WatchLinksRequest());
  v1::ListLinksResponse response;
  while (reader->Read(&response)) {
    if (session.invocation.json) {
      session.out << LinksJson(response).dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
    } else {
      PrintTable(session.out, response);
      session.out << '\n';
    }
    session.out.flush();
    if (!session.out) break;
  }
  if (!session.out) context->TryCancel();
  return common::FromGrpc(reader->Finish());
}

std::string Text(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

/// Fields of an explanation that are not there are shown as null.
const Json& Field(const Json& object, const char* name) {
  static const Json kNull = nullptr;
  if (!object.is_object()) return kNull;
  const auto found = object.find(name);
  return found == object.end() ? kNull : *found;
}

std::string FieldText(const Json& object, const char* name) {
  const Json& value = Field(object, name);
  return value.is_null() ? "-" : Cell(Text(value));
}

void PrintExplanation(std::ostream& out, const Json& explanation) {
  common::TextTable result({"NEIGHBOUR", "OUTCOME", "WAITING FOR", "RULE", "POLICY", "REASON"});
  result.Add({FieldText(explanation, "neighbour"), FieldText(explanation, "outcome"),
              FieldText(explanation, "waiting_for"), FieldText(explanation, "rule"),
              FieldText(explanation, "policy_version"), FieldText(explanation, "reason")});
  common::TextTable facts({"FACT", "VALUE", "SOURCE"});
  for (const Json& fact : Field(explanation, "facts")) {
    facts.Add({FieldText(fact, "name"), FieldText(fact, "value"), FieldText(fact, "source")});
  }
  common::TextTable trace({"RULE", "MATCHED", "FIRST FAILED FIELD", "METHOD", "TAKEN", "WHY"});
  for (const Json& rule : Field(explanation, "trace")) {
    trace.Add({FieldText(rule, "rule"), FieldText(rule, "matched"), FieldText(rule, "first_failed_field"), "", "", ""});
    for (const Json& method : Field(rule, "methods")) {
      trace.Add({"", "", "", FieldText(method, "method"), FieldText(method, "taken"), FieldText(method, "why")});
    }
  }
  out << result.Render() << '\n' << facts.Render() << '\n' << trace.Render();
}

}  // namespace

absl::Status Links(Session& session) {
  if (session.invocation.watch) return Watch(session);
  const auto stub = v1::Status::NewStub(session.channel);
  v1::ListLinksResponse response;
  RETURN_IF_ERROR(Call(*stub, &v1::Status::Stub::ListLinks, v1::ListLinksRequest(), &response));
  if (session.invocation.json) {
    Print(session.out, LinksJson(response));
  } else {
    PrintTable(session.out, response);
  }
  return absl::OkStatus();
}

absl::Status Explain(Session& session) {
  const auto stub = v1::Status::NewStub(session.channel);
  v1::ExplainRequest request;
  request.set_neighbour(session.invocation.neighbour);
  v1::ExplainResponse response;
  RETURN_IF_ERROR(Call(*stub, &v1::Status::Stub::Explain, request, &response));
  ASSIGN_OR_RETURN(const Json explanation, ParseAnswer(response.json()));
  if (session.invocation.json) {
    Print(session.out, explanation);
  } else {
    PrintExplanation(session.out, explanation);
  }
  return absl::OkStatus();
}

absl::Status Wait(Session& session) {
  const auto stub = v1::Status::NewStub(session.channel);
  v1::WaitForLinkRequest request;
  request.set_neighbour(session.invocation.neighbour);
  request.set_state(session.invocation.state);
  *request.mutable_timeout() = ToWire(session.invocation.timeout);
  v1::Link link;
  RETURN_IF_ERROR(Call(*stub, &v1::Status::Stub::WaitForLink, request, &link, session.invocation.timeout + kGrace));
  session.err << Cell(link.neighbour()) << " is " << Cell(link.state()) << '\n';
  return absl::OkStatus();
}

absl::Status Rotate(Session& session) {
  const auto stub = v1::Control::NewStub(session.channel);
  v1::RotateRequest request;
  request.set_neighbour(session.invocation.neighbour);
  *request.mutable_timeout() = ToWire(session.invocation.timeout);
  v1::RotateResponse response;
  RETURN_IF_ERROR(Call(*stub, &v1::Control::Stub::Rotate, request, &response, session.invocation.timeout + kGrace));
  const std::string before = response.has_spi_out_before() ? SpiText(response.spi_out_before()) : "";
  const std::string after = response.has_spi_out_after() ? SpiText(response.spi_out_after()) : "";
  const double seconds = static_cast<double>(response.took().seconds()) + response.took().nanos() / 1e9;
  if (session.invocation.json) {
    Print(session.out, Json{{"neighbour", request.neighbour()},
                            {"spi_out_before", before.empty() ? Json(nullptr) : Json(before)},
                            {"spi_out_after", after.empty() ? Json(nullptr) : Json(after)},
                            {"seconds", seconds}});
  } else {
    session.err << request.neighbour() << ": outbound SA " << Cell(before) << " -> " << Cell(after) << " in " << seconds
                << " s\n";
  }
  return absl::OkStatus();
}

}  // namespace henb::x2sec::ctl
