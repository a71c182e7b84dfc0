#include "henb-x2sec/app/config/revocation_config.h"

#include <cstdint>

#include "common/status.h"
#include "henb-x2sec/app/config/service_url.h"

namespace henb::x2sec::app {
namespace {

using common::StrCat;
using common::TomlReader;

void ReadUrls(TomlReader* reader, std::string_view key, std::vector<std::string>* urls) {
  reader->Strings(key, urls);
  for (const std::string& url : *urls) {
    if (!IsPlainHttpUrl(url)) reader->Fail(key, StrCat("holds ", common::Quoted(url), kNotPlainHttpUrl));
  }
}

void ReadWithin(TomlReader* reader, std::string_view key, absl::Duration least, absl::Duration most,
                absl::Duration* value) {
  if (!reader->Has(key)) return;
  reader->Duration(key, value);
  if (*value < least || *value > most) {
    reader->Fail(key, StrCat("must be from ", absl::FormatDuration(least), " to ", absl::FormatDuration(most)));
  }
}

void ReadPath(TomlReader* reader, std::string_view key, std::string* path) {
  reader->String(key, path);
  if (!path->starts_with('/') || path->find('\0') != std::string::npos) reader->Fail(key, "must be an absolute path");
}

/// x2sec-ocspd reads these itself; here they are known, and tell where pluto must ask.
void ReadOcspd(TomlReader* reader, RevocationConfig* config) {
  std::string path;
  for (const std::string_view key : {"ocspd.certificate", "ocspd.key"}) {
    if (reader->Has(key)) ReadPath(reader, key, &path);
  }
  if (!reader->Has("ocspd.listen")) return;
  std::string listen;
  reader->String("ocspd.listen", &listen);
  if (!listen.starts_with("127.") && !listen.starts_with("[::1]:")) {
    reader->Fail("ocspd.listen", "must be a loopback address and a port, such as \"127.0.0.1:8888\"");
  }
  config->ocspd_uri = StrCat("http://", listen, "/");
}

}  // namespace

void ReadRevocation(TomlReader* reader, RevocationConfig* config) {
  ReadUrls(reader, "revocation.vendor_lists", &config->vendor_lists);
  ReadUrls(reader, "revocation.operator_lists", &config->operator_lists);
  ReadUrls(reader, "revocation.vendor_ocsp", &config->vendor_ocsp);
  ReadUrls(reader, "revocation.operator_ocsp", &config->operator_ocsp);
  if (reader->Has("revocation.ocsp_nonce")) reader->Bool("revocation.ocsp_nonce", &config->ocsp_nonce);
  if (reader->Has("revocation.authorities")) ReadPath(reader, "revocation.authorities", &config->authorities.emplace());
  reader->Strings("revocation.distribution_point_hosts", &config->distribution_point_hosts);
  ReadWithin(reader, "revocation.refresh", absl::Seconds(1), absl::Hours(24), &config->refresh);
  ReadWithin(reader, "revocation.deadline", absl::Seconds(1), absl::Minutes(5), &config->deadline);
  if (reader->Has("revocation.largest_list_kib")) {
    std::int64_t kib = 0;
    reader->Int("revocation.largest_list_kib", 1, 16384, &kib);
    config->most_octets = static_cast<std::size_t>(kib) << 10;
  }
  ReadOcspd(reader, config);
}

}  // namespace henb::x2sec::app
