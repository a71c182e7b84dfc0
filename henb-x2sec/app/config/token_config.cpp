#include "henb-x2sec/app/config/token_config.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>

#include "common/file.h"
#include "common/status.h"

namespace henb::x2sec::app {
namespace {

using common::Quoted;
using common::StrCat;

constexpr std::string_view kScheme = "pkcs11:";
constexpr std::string_view kCredential = "credential:";

absl::StatusOr<std::string> PercentDecoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const std::optional<std::string> octet = common::FromHex(text.substr(i + 1, 2));
    if (!octet.has_value() || octet->size() != 1) return absl::InvalidArgumentError("has a % without two digits");
    out += *octet;
    i += 2;
  }
  return out;
}

absl::StatusOr<std::string> PathOf(const std::string& given) {
  if (!given.starts_with(kCredential)) return given;
  const std::string name = given.substr(kCredential.size());
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr)
    return absl::NotFoundError(StrCat(given, ": the service manager gave no $CREDENTIALS_DIRECTORY"));
  if (name.empty() || name.find('/') != std::string::npos || name.starts_with('.'))
    return absl::InvalidArgumentError(StrCat(Quoted(given), ": not the name of a credential"));
  return StrCat(directory, "/", name);
}

/// What is in `text` for the token, without a copy of it elsewhere.
std::string_view FindPin(std::string_view text, const std::string& label) {
  std::string_view alone;
  int lines = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    if (line.starts_with(label) && line.substr(label.size()).starts_with(':')) return line.substr(label.size() + 1);
    alone = line;
    ++lines;
  }
  return lines == 1 && alone.find(':') == std::string_view::npos ? alone : std::string_view();
}

}  // namespace

absl::StatusOr<std::string> ParseTokenUri(std::string_view uri) {
  if (!uri.starts_with(kScheme)) return absl::InvalidArgumentError("is no pkcs11: URI");
  std::string label;
  std::string_view rest = uri.substr(kScheme.size());
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(';'), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (part == "type=private") continue;
    if (part.starts_with("token=") && label.empty()) {
      ASSIGN_OR_RETURN(label, PercentDecoded(part.substr(part.find('=') + 1)));
      continue;
    }
    return absl::InvalidArgumentError(
        "may have token=LABEL and type=private alone: the key is found by its certificate, the PIN in token.pin_file");
  }
  const bool printable = label.find_first_of(std::string_view(":\n\r\0", 4)) == std::string::npos;
  if (label.empty() || label.size() > 32 || !printable)
    return absl::InvalidArgumentError("names no token: 1 to 32 octets, no colon");
  return label;
}

std::optional<TokenConfig> ReadToken(common::TomlReader* reader, std::string_view vendor_key) {
  TokenConfig token;
  reader->String("token.module", &token.module);
  reader->String("token.pin_file", &token.pin_file);
  const bool wanted = vendor_key.starts_with(kScheme);
  for (const auto& [key, path] :
       {std::pair("token.module", &token.module), std::pair("token.pin_file", &token.pin_file)}) {
    if (!reader->Has(key)) continue;
    if (!wanted) reader->Fail(key, "needs credentials.vendor_key to be a pkcs11: URI");
    const bool credential = path == &token.pin_file && path->starts_with(kCredential);
    if (!credential && (!path->starts_with('/') || path->find('\0') != std::string::npos))
      reader->Fail(key, "must be an absolute path");
  }
  if (!wanted) return std::nullopt;
  reader->Require("token.module");
  absl::StatusOr<std::string> label = ParseTokenUri(vendor_key);
  if (!label.ok()) {
    reader->Fail("credentials.vendor_key", common::ToStd(label.status().message()));
    return std::nullopt;
  }
  token.label = *std::move(label);
  return token;
}

absl::StatusOr<common::SecretBytes> ReadTokenPin(const TokenConfig& token) {
  ASSIGN_OR_RETURN(const std::string path, PathOf(token.pin_file));
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return absl::ErrnoToStatus(errno, path);
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return absl::PermissionDeniedError(StrCat(path, ": a PIN that others may read; make it 0600"));
  ASSIGN_OR_RETURN(const common::SecretBytes text, common::ReadSecretFile(path, 4096));
  const std::string_view pin = FindPin(text.view(), token.label);
  if (pin.empty()) return absl::InvalidArgumentError(StrCat(path, ": no line ", Quoted(token.label), ":PIN in it"));
  return common::SecretBytes::CopyOf(pin);
}

}  // namespace henb::x2sec::app
