#include "henb-x2sec/ctl/output.h"

#include "absl/strings/str_format.h"
#include "common/file.h"
#include "common/status.h"

namespace henb::x2sec::ctl {

namespace v1 = henb::control::v1;

namespace {

constexpr std::size_t kLargestInput = 4U << 20;
constexpr std::size_t kWidestCell = 160;

template <typename T>
Json OrNull(bool present, const T& value) {
  return present ? Json(value) : Json(nullptr);
}

Json EspJson(const v1::Esp& esp) {
  return Json{{"spi_in", esp.has_spi_in() ? Json(SpiText(esp.spi_in())) : Json(nullptr)},
              {"spi_out", esp.has_spi_out() ? Json(SpiText(esp.spi_out())) : Json(nullptr)},
              {"bytes_in", esp.bytes_in()},
              {"bytes_out", esp.bytes_out()},
              {"suite", OrNull(esp.has_suite(), esp.suite())}};
}

}  // namespace

std::string TimeText(const google::protobuf::Timestamp& time) {
  const absl::Time value = absl::FromUnixSeconds(time.seconds()) + absl::Milliseconds(time.nanos() / 1'000'000);
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", value, absl::UTCTimeZone());
}

std::string SpiText(std::uint32_t spi) { return absl::StrFormat("0x%08x", spi); }

std::string Cell(std::string_view text) {
  if (text.empty()) return "-";
  std::string cell;
  for (const char c : text.substr(0, kWidestCell)) {
    if (c >= ' ' && c <= '~') {
      cell += c;
    } else {
      cell += absl::StrFormat("\\x%02x", static_cast<unsigned char>(c));
    }
  }
  return text.size() > kWidestCell ? cell + "..." : cell;
}

Json CertificateJson(const v1::Certificate& certificate) {
  return Json{{"serial", certificate.serial()},
              {"issuer", certificate.issuer()},
              {"not_after", TimeText(certificate.not_after())}};
}

Json LinkJson(const v1::Link& link) {
  return Json{{"neighbour", link.neighbour()},
              {"state", link.state()},
              {"method", OrNull(link.has_method(), link.method())},
              {"rule", OrNull(link.has_rule(), link.rule())},
              {"reason", link.reason()},
              {"policy_version", OrNull(link.has_policy_version(), link.policy_version())},
              {"local_ike_id", OrNull(link.has_local_ike_id(), link.local_ike_id())},
              {"peer_ike_id", OrNull(link.has_peer_ike_id(), link.peer_ike_id())},
              {"epoch", OrNull(link.has_epoch(), link.epoch())},
              {"generation", OrNull(link.has_generation(), link.generation())},
              {"reqid", OrNull(link.has_reqid(), link.reqid())},
              {"since", link.has_since() ? Json(TimeText(link.since())) : Json(nullptr)},
              {"esp", link.has_esp() ? EspJson(link.esp()) : Json(nullptr)},
              {"certificate", link.has_certificate() ? CertificateJson(link.certificate()) : Json(nullptr)},
              {"quantum_safe", OrNull(link.has_quantum_safe(), link.quantum_safe())},
              {"decision", link.decision()},
              {"last_error", OrNull(link.has_last_error(), link.last_error())}};
}

absl::StatusOr<Json> ParseAnswer(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return absl::InternalError("x2secd answered with something that is not JSON");
  return json;
}

void Print(std::ostream& out, const Json& json) {
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

absl::StatusOr<std::string> ReadInput(const std::string& path) {
  absl::StatusOr<std::string> text = common::ReadFile(path, kLargestInput);
  if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
  return text;
}

}  // namespace henb::x2sec::ctl
