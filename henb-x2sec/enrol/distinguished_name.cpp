#include "henb-x2sec/enrol/distinguished_name.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "common/status.h"

namespace henb::x2sec::enrol {
namespace {

constexpr std::size_t kMostCommonName = 64;

bool AddEntry(X509_NAME* name, const std::string& type, std::string_view value) {
  return X509_NAME_add_entry_by_txt(name, type.c_str(), MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(value.data()),
                                    static_cast<int>(value.size()), -1, 0) == 1;
}

/// Pieces between the '/' that are not escaped, with the escapes resolved.
std::vector<std::string> SplitEscaped(std::string_view text) {
  std::vector<std::string> out(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      out.back() += text[++i];
    } else if (text[i] == '/') {
      out.emplace_back();
    } else {
      out.back() += text[i];
    }
  }
  return out;
}

}  // namespace

absl::StatusOr<OpensslPtr<X509_NAME>> ParseDistinguishedName(const std::string& text) {
  OpensslPtr<X509_NAME> name(X509_NAME_new());
  std::vector<std::string> parts = SplitEscaped(text);
  if (parts.size() < 2 || !parts.front().empty()) {
    return absl::InvalidArgumentError(common::StrCat("name ", common::Quoted(text), " is not /TYPE=value/…"));
  }
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::size_t equals = parts[i].find('=');
    const bool has_value = equals != std::string::npos && equals + 1 < parts[i].size();
    if (!has_value ||
        !AddEntry(name.get(), parts[i].substr(0, equals), std::string_view(parts[i]).substr(equals + 1))) {
      (void)common::DrainOpensslErrors();
      return absl::InvalidArgumentError(
          common::StrCat("name ", common::Quoted(text), ": ", common::Quoted(parts[i]), " is not TYPE=value"));
    }
  }
  return name;
}

absl::StatusOr<OpensslPtr<X509_NAME>> SubjectFor(const common::HenbId& identity) {
  OpensslPtr<X509_NAME> name(X509_NAME_new());
  bool added = true;
  if (identity.str().size() <= kMostCommonName) {
    added = AddEntry(name.get(), "CN", identity.str());
  } else {
    std::vector<std::string_view> labels = common::Split(identity.str(), '.');
    std::reverse(labels.begin(), labels.end());
    for (const std::string_view label : labels) added = added && AddEntry(name.get(), "DC", label);
  }
  if (!added)
    return absl::InvalidArgumentError(common::StrCat("identity ", identity.str(), ": ", common::DrainOpensslErrors()));
  return name;
}

}  // namespace henb::x2sec::enrol
