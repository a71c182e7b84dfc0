#include "henb-x2sec/app/config/backhaul_move_config.h"

#include <algorithm>
#include <array>

#include "common/status.h"

namespace henb::x2sec::app {
namespace {

using common::StrCat;

constexpr std::array kRequired{"backhaul.operator.connection", "backhaul.operator.gateway", "backhaul.operator.local",
                               "backhaul.operator.network"};
constexpr std::array kOptional{"backhaul.operator.probe", "backhaul.operator.identity"};

template <typename Value, typename Parse>
void Read(common::TomlReader* reader, std::string_view key, const Parse& parse, Value* value) {
  std::string text;
  reader->String(key, &text);
  auto parsed = parse(text);
  if (parsed.ok()) {
    *value = *std::move(parsed);
  } else {
    reader->Fail(key, StrCat("is refused: ", common::Quoted(text), ": ", parsed.status().message()));
  }
}

bool IsConnectionName(std::string_view name) {
  return !name.empty() && name.size() <= 200 && name.front() != '-' && !name.starts_with("x2-") &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
                  c == '_' || c == '/';
         });
}

void ReadIdentity(common::TomlReader* reader, bool* by_subject) {
  std::string text = "device.id";
  reader->String("backhaul.operator.identity", &text);
  if (text != "device.id" && text != "subject")
    reader->Fail("backhaul.operator.identity", R"(must be one of "device.id", "subject")");
  *by_subject = text == "subject";
}

}  // namespace

std::optional<BackhaulMoveConfig> ReadBackhaulMove(common::TomlReader* reader, const common::IpAddress& default_probe) {
  const auto has = [reader](const char* key) { return reader->Has(key); };
  const bool any =
      std::any_of(kRequired.begin(), kRequired.end(), has) || std::any_of(kOptional.begin(), kOptional.end(), has);
  if (!any) return std::nullopt;
  std::string text;  // a value of a wrong type is told before a key that is missing
  for (const char* key : kRequired) reader->String(key, &text);
  for (const char* key : kOptional) reader->String(key, &text);
  for (const char* key : kRequired) reader->Require(key);
  if (!std::all_of(kRequired.begin(), kRequired.end(), has)) return std::nullopt;
  BackhaulMoveConfig move;
  reader->String("backhaul.operator.connection", &move.connection);
  if (!IsConnectionName(move.connection)) {
    reader->Fail("backhaul.operator.connection", "must be the name of the backhaul's connection, not one of x2secd's");
  }
  Read(reader, "backhaul.operator.gateway", ParseEnrolmentSeg, &move.gateway);
  Read(reader, "backhaul.operator.local", common::IpAddress::Parse, &move.local);
  Read(reader, "backhaul.operator.network", common::Cidr::Parse, &move.network);
  move.probe = default_probe;
  if (reader->Has("backhaul.operator.probe")) {
    Read(reader, "backhaul.operator.probe", common::IpAddress::Parse, &move.probe);
  }
  ReadIdentity(reader, &move.by_subject);
  const int longest = move.network.network().is_v6() ? 127 : 31;
  if (move.network.prefix_length() > longest)
    reader->Fail("backhaul.operator.network", "must be more than one address");
  if (move.network.Contains(move.local))
    reader->Fail("backhaul.operator.local", "must not be in backhaul.operator.network");
  if (!move.network.Contains(move.probe)) {
    reader->Fail("backhaul.operator.network",
                 "must hold backhaul.operator.probe (keydist.address where it is not given)");
  }
  if (!reader->Has("backhaul.reqid"))
    reader->Fail("backhaul.operator.connection", "needs backhaul.reqid, to be known by");
  return move;
}

}  // namespace henb::x2sec::app
