// whack's output is pluto's, and pluto's quotes the peer's. Seeds: tests/unit/pluto/fixtures.
#include <cstdlib>

#include "common/process_runner.h"
#include "henb-x2sec/pluto/add_reply.h"
#include "henb-x2sec/pluto/initiate_report.h"
#include "henb-x2sec/pluto/release.h"
#include "henb-x2sec/pluto/state_list.h"
#include "henb-x2sec/pluto/whack_reply.h"

namespace {

using namespace henb::x2sec;  // NOLINT(google-build-using-namespace)

void Require(bool condition) {
  if (!condition) std::abort();
}

/// What the core relies on, whatever the text was.
void CheckSnapshot(const core::IkeSnapshot& snapshot) {
  for (const core::ChildSa& child : snapshot.child_sas) {
    if (child.connection.starts_with("x2-") && child.established) {
      Require(child.ike_serial != 0 && child.spi_in != 0 && child.spi_out != 0);
    }
  }
  for (const auto& [name, fingerprint] : snapshot.fingerprints)
    Require(name.starts_with("x2-") && !fingerprint.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  henb::common::ProcessResult result;
  result.exit_status = 0;
  result.output.assign(reinterpret_cast<const char*>(data), size);
  result.error = result.output;
  if (size > 0) result.exit_status = data[0] % 64;
  if (size > 1) result.timed_out = (data[1] & 1) != 0;

  static_cast<void>(pluto::SupportedRelease(result.output));
  const auto reply = pluto::ParseReply(result);
  if (!reply.ok()) return 0;
  if (const auto states = pluto::ParseStates(*reply); states.ok()) CheckSnapshot(*states);
  if (const auto status = pluto::ParseStatus(*reply); status.ok()) CheckSnapshot(*status);
  const auto report = pluto::ReadInitiateReport(*reply);
  for (const char c : report.detail) Require(static_cast<unsigned char>(c) >= ' ' && c != 0x7f);
  core::ConnectionSpec spec;
  spec.name = "x2-t-0";
  const absl::Status added = pluto::ReadAddReply(spec, *reply);
  Require(!added.ok() || reply->Has("\"x2-t-0\": added IKEv2 connection"));
  return 0;
}
