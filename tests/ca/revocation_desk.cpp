#include "tests/ca/revocation_desk.h"

#include <algorithm>

#include "common/strings.h"
#include "tests/support/revocation_builder.h"

namespace henb::tests {
namespace {

using common::StrCat;

// Numbers go up over restarts too: seconds since this day.
constexpr absl::Time kNumbersFrom = absl::FromUnixSeconds(1'760'000'000);

std::string Http(std::string_view status, std::string_view headers, std::string_view body) {
  return StrCat("HTTP/1.1 ", status, "\r\n", headers, "Content-Length: ", body.size(), "\r\nConnection: close\r\n\r\n",
                body);
}

}  // namespace

/// A list of one second has one content; one whose life is half over, or that lacks somebody, is made anew.
void RevocationDesk::RenewList() {
  const absl::Time now = absl::Now();
  const std::vector<std::string> revoked = config_.revoked();
  const int number = static_cast<int>(absl::ToInt64Seconds(now - kNumbersFrom));
  const bool due = revoked != listed_ || now - made_ > config_.next_update / 2;
  if (!due || number == number_) return;
  ListSpec spec{.revoked = revoked, .number = number};
  spec.this_update = now;
  spec.next_update = now + config_.next_update;
  const auto list = BuildList(spec, config_.issuer, config_.key.get());
  if (!list.ok()) return;
  list_ = *list;
  listed_ = revoked;
  number_ = number;
  made_ = now;
}

std::string RevocationDesk::AnswerOcsp(const std::string& body) const {
  std::string serial;
  const auto nonce = ReadOcspRequest(body, &serial);
  if (!nonce.ok()) return Http("400 Bad Request", "", "");
  const std::vector<std::string> revoked = config_.revoked();
  OcspSpec spec{.nonce = *nonce};
  if (std::find(revoked.begin(), revoked.end(), serial) != revoked.end()) spec.status = OcspSpec::Status::kRevoked;
  spec.this_update = absl::Now();
  spec.next_update = spec.this_update + config_.next_update;
  const auto answer = BuildOcspAnswer(spec, config_.issuer, serial, config_.issuer, config_.key.get());
  return answer.ok() ? Http("200 OK", "Content-Type: application/ocsp-response\r\n", *answer)
                     : Http("500 Internal Server Error", "", "");
}

std::string RevocationDesk::Answer(const std::string& request) {
  const std::lock_guard lock(mutex_);
  const std::size_t head_end = request.find("\r\n\r\n");
  if (request.starts_with("POST ")) return AnswerOcsp(request.substr(std::min(request.size(), head_end + 4)));
  if (!request.starts_with("GET ")) return Http("405 Method Not Allowed", "", "");
  RenewList();
  const std::string etag = StrCat("\"", number_, "\"");
  if (request.find(StrCat("If-None-Match: ", etag, "\r\n")) != std::string::npos) {
    return Http("304 Not Modified", StrCat("ETag: ", etag, "\r\n"), "");
  }
  return Http("200 OK", StrCat("Content-Type: application/pkix-crl\r\nETag: ", etag, "\r\n"), list_);
}

}  // namespace henb::tests
