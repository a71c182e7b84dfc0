#include "henb-x2sec/enrol/enrolment_state.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/file.h"
#include "common/status.h"

namespace henb::x2sec::enrol {
namespace {

using Phase = EnrolmentState::Phase;

constexpr struct {
  Phase phase;
  const char* name;
} kPhases[] = {{Phase::kMakingKey, "MAKING_KEY"},
               {Phase::kRequested, "REQUESTED"},
               {Phase::kConfirming, "CONFIRMING"},
               {Phase::kConfirmed, "CONFIRMED"}};

bool HasCertificate(Phase phase) { return phase == Phase::kConfirming || phase == Phase::kConfirmed; }

constexpr std::size_t kMostOctets = 64U << 10;

/// The last line that is whole.
nlohmann::json LastStateIn(std::string_view text) {
  nlohmann::json json;
  for (std::size_t end = text.rfind('\n'); end != std::string_view::npos && !json.is_object();) {
    const std::size_t before = end == 0 ? std::string_view::npos : text.rfind('\n', end - 1);
    const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
    json = nlohmann::json::parse(text.substr(begin, end - begin), nullptr, false);
    end = before;
  }
  return json;
}

absl::StatusOr<EnrolmentState> Parse(std::string_view text) {
  nlohmann::json json = LastStateIn(text);
  // Releases before this one wrote one object over several lines.
  if (!json.is_object()) json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return absl::DataLossError("not a JSON object");
  for (const char* field : {"phase", "identity", "recipient", "ckaid"}) {
    if (!json.contains(field) || !json[field].is_string())
      return absl::DataLossError(common::StrCat(field, " is missing"));
  }
  if (!json.contains("certificates") || !json["certificates"].is_array())
    return absl::DataLossError("certificates is missing");
  EnrolmentState out;
  out.current_unsure = json.contains("current_unsure") && json["current_unsure"] == true;
  const std::string source = json.contains("anchor_source") && json["anchor_source"].is_string()
                                 ? json["anchor_source"].get<std::string>()
                                 : "";
  out.anchor_source = core::RootSourceOf(source).value_or(core::RootSource::kProvisioned);
  bool known = false;
  for (const auto& each : kPhases) {
    if (json["phase"].get<std::string>() != each.name) continue;
    out.phase = each.phase;
    known = true;
  }
  if (!known) return absl::DataLossError("phase is unknown");
  ASSIGN_OR_RETURN_CTX(out.identity, common::HenbId::Parse(json["identity"].get<std::string>()), "identity");
  out.recipient = json["recipient"].get<std::string>();
  out.ckaid = json["ckaid"].get<std::string>();
  if (json.contains("pkcs10")) {
    const auto bytes = json["pkcs10"].is_string() ? common::FromHex(json["pkcs10"].get<std::string>()) : std::nullopt;
    if (!bytes.has_value()) return absl::DataLossError("pkcs10 is not hexadecimal");
    out.pkcs10 = *bytes;
  }
  for (const auto& each : json["certificates"]) {
    if (!each.is_string()) return absl::DataLossError("certificates[] is not text");
    ASSIGN_OR_RETURN_CTX(common::Certificate certificate, common::Certificate::FromPem(each.get<std::string>()),
                         "certificates[]");
    out.certificates.push_back(std::move(certificate));
  }
  for (const auto& each : json.value("others", nlohmann::json::array())) {
    if (!each.is_string()) return absl::DataLossError("others[] is not text");
    out.others.insert(each.get<std::string>());
  }
  if (HasCertificate(out.phase) && out.certificates.size() < 2) return absl::DataLossError("certificates are missing");
  return out;
}

}  // namespace

absl::StatusOr<std::optional<EnrolmentState>> EnrolmentStateFile::Load() const {
  const absl::StatusOr<std::string> text = common::ReadFile(path_);
  if (absl::IsNotFound(text.status())) return std::nullopt;
  RETURN_IF_ERROR(text.status());
  absl::StatusOr<EnrolmentState> state = Parse(*text);
  if (!state.ok()) return absl::DataLossError(common::StrCat(path_, ": ", state.status().message()));
  return std::move(state).value();
}

absl::Status EnrolmentStateFile::Save(const EnrolmentState& state) const {
  nlohmann::json certificates = nlohmann::json::array();
  for (const common::Certificate& each : state.certificates) certificates.push_back(each.pem());
  const nlohmann::json json = {{"phase", kPhases[static_cast<int>(state.phase)].name},
                               {"identity", state.identity.str()},
                               {"recipient", state.recipient},
                               {"ckaid", state.ckaid},
                               {"others", state.others},
                               {"pkcs10", common::ToHex(state.pkcs10)},
                               {"current_unsure", state.current_unsure},
                               {"anchor_source", core::NameOf(state.anchor_source)},
                               {"certificates", std::move(certificates)}};
  const std::string line = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  return TakesAnother(line.size()) ? common::AppendDurably(path_, line)
                                   : common::WriteFileAtomically(path_, line, 0600);
}

bool EnrolmentStateFile::TakesAnother(std::size_t size) const {
  const absl::StatusOr<std::string> text = common::ReadFile(path_, kMostOctets);
  return text.ok() && text->size() + size <= kMostOctets && text->ends_with('\n') && LastStateIn(*text).is_object();
}

absl::Status EnrolmentStateFile::Clear() const {
  if (unlink(path_.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return absl::InternalError(common::StrCat("removing ", path_, ": ", std::strerror(errno)));
}

}  // namespace henb::x2sec::enrol
