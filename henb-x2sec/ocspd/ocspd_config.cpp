#include "henb-x2sec/ocspd/ocspd_config.h"

#include "common/status.h"
#include "common/toml_reader.h"

namespace henb::x2sec::ocspd {
namespace {

using common::StrCat;

void ReadPath(common::TomlReader* reader, std::string_view key, std::string* path) {
  if (!reader->Has(key)) return;
  reader->String(key, path);
  if (!path->starts_with('/')) reader->Fail(key, "must be an absolute path");
}

/// "127.0.0.1:8888" or "[::1]:8888".
void ReadListen(common::TomlReader* reader, OcspdConfig* config) {
  std::string listen = "127.0.0.1:8888";
  if (reader->Has("ocspd.listen")) reader->String("ocspd.listen", &listen);
  const std::string_view text = listen;
  const auto colon = text.rfind(':');
  std::string_view host = text.substr(0, colon == std::string_view::npos ? 0 : colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto address = common::IpAddress::Parse(host);
  const auto port = common::ParseNumber<std::uint16_t>(colon == std::string_view::npos ? "" : text.substr(colon + 1));
  const bool loopback = address.ok() && (address->ToString() == "::1" || address->ToString().starts_with("127."));
  if (!loopback || !port || *port == 0) {
    reader->Fail("ocspd.listen", "must be a loopback address and a port, such as \"127.0.0.1:8888\"");
    return;
  }
  config->address = *address;
  config->port = *port;
}

}  // namespace

absl::StatusOr<OcspdConfig> ReadOcspdConfig(std::string_view text, std::string_view path) {
  common::TomlReader reader(text, path);
  OcspdConfig config;
  std::string state_dir = "/var/lib/henb-x2sec";
  ReadPath(&reader, "device.state_dir", &state_dir);
  config.verdicts = StrCat(state_dir, "/verdicts.json");
  config.certificate = StrCat(state_dir, "/ocspd.pem");
  config.key = StrCat(state_dir, "/ocspd.key");
  ReadPath(&reader, "ocspd.certificate", &config.certificate);
  ReadPath(&reader, "ocspd.key", &config.key);
  ReadListen(&reader, &config);
  reader.IgnoreRest();
  RETURN_IF_ERROR(reader.Finish());
  return config;
}

}  // namespace henb::x2sec::ocspd
