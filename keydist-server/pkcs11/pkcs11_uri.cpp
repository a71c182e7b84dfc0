#include "keydist-server/pkcs11/pkcs11_uri.h"

#include <set>

#include "common/status.h"

namespace henb::keydist::pkcs11 {
namespace {

constexpr std::string_view kScheme = "pkcs11:";
constexpr std::size_t kMost = 2048;

int Nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

absl::StatusOr<std::string> Decode(std::string_view name, std::string_view text) {
  std::string value;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      if (text[i] <= ' ' || text[i] > '~') {
        return absl::InvalidArgumentError(common::StrCat(name, ": an octet that has to be written as %XX"));
      }
      value.push_back(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? Nibble(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? Nibble(text[i + 2]) : -1;
    if (high < 0 || low < 0) return absl::InvalidArgumentError(common::StrCat(name, ": % without two digits"));
    value.push_back(static_cast<char>(high << 4 | low));
    i += 2;
  }
  if (value.empty()) return absl::InvalidArgumentError(common::StrCat(name, ": is empty"));
  if (name != "id" && value.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(common::StrCat(name, ": has an octet 0"));
  }
  return value;
}

/// Calls `take(name, decoded value)` for each attribute.
template <typename F>
absl::Status ForEach(std::string_view text, char separator, const F& take) {
  std::set<std::string_view> seen;
  for (const std::string_view attribute : common::Split(text, separator)) {
    const std::size_t equals = attribute.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return absl::InvalidArgumentError("an attribute that is not name=value");
    }
    const std::string_view name = attribute.substr(0, equals);
    if (name == "pin-value") return absl::InvalidArgumentError("pin-value: a PIN belongs into a file: pin-source");
    if (!seen.insert(name).second) {
      return absl::InvalidArgumentError(common::StrCat(common::Quoted(name), " is twice there"));
    }
    ASSIGN_OR_RETURN(std::string value, Decode(name, attribute.substr(equals + 1)));
    RETURN_IF_ERROR(take(name, std::move(value)));
  }
  return absl::OkStatus();
}

absl::Status Unknown(std::string_view name) {
  return absl::InvalidArgumentError(common::StrCat("attribute ", common::Quoted(name), " is not known"));
}

absl::StatusOr<Pkcs11Uri> Parse(std::string_view text) {
  Pkcs11Uri uri;
  const std::size_t query = text.find('?');
  RETURN_IF_ERROR(ForEach(text.substr(0, query), ';', [&](std::string_view name, std::string value) -> absl::Status {
    if (name == "type") {
      return value == "secret-key" ? absl::OkStatus() : absl::InvalidArgumentError("type: not \"secret-key\"");
    }
    std::string* const field = name == "token"          ? &uri.token
                               : name == "serial"       ? &uri.serial
                               : name == "manufacturer" ? &uri.manufacturer
                               : name == "model"        ? &uri.model
                               : name == "object"       ? &uri.object
                               : name == "id"           ? &uri.id
                                                        : nullptr;
    if (field == nullptr) return Unknown(name);
    *field = std::move(value);
    return absl::OkStatus();
  }));
  if (query == std::string_view::npos) return absl::InvalidArgumentError("module-path and pin-source are missing");
  RETURN_IF_ERROR(ForEach(text.substr(query + 1), '&', [&](std::string_view name, std::string value) -> absl::Status {
    if (name != "module-path" && name != "pin-source") return Unknown(name);
    if (name == "pin-source" && value.starts_with("file:")) value.erase(0, 5);
    if (!value.starts_with('/')) return absl::InvalidArgumentError(common::StrCat(name, ": not an absolute path"));
    (name == "module-path" ? uri.module_path : uri.pin_file) = std::move(value);
    return absl::OkStatus();
  }));
  const auto missing = [](std::string_view what) {
    return absl::InvalidArgumentError(common::StrCat(what, " is missing"));
  };
  if (uri.token.empty() && uri.serial.empty()) return missing("token or serial");
  if (uri.object.empty() && uri.id.empty()) return missing("object or id");
  if (uri.module_path.empty()) return missing("module-path");
  if (uri.pin_file.empty()) return missing("pin-source");
  return uri;
}

}  // namespace

bool IsPkcs11Uri(std::string_view text) { return text.starts_with(kScheme); }

std::string Pkcs11Uri::Text() const {
  return common::StrCat("token ", common::Quoted(token.empty() ? serial : token), ", key ",
                        object.empty() ? common::ToHex(id) : common::Quoted(object));
}

absl::StatusOr<Pkcs11Uri> ParsePkcs11Uri(std::string_view text) {
  if (!IsPkcs11Uri(text) || text.size() > kMost) return absl::InvalidArgumentError("not a PKCS #11 URI (RFC 7512)");
  absl::StatusOr<Pkcs11Uri> uri = Parse(text.substr(kScheme.size()));
  if (!uri.ok()) return common::WithContext(uri.status(), "PKCS #11 URI");
  return uri;
}

}  // namespace henb::keydist::pkcs11
