#include "henb-x2sec/pluto/initiate_report.h"

#include <array>
#include <string_view>

#include "common/strings.h"

namespace henb::x2sec::pluto {
namespace {

using core::InitiateOutcome;

struct Sign {
  std::string_view fragment;
  InitiateOutcome outcome;
};

/// The most telling first: a line of an earlier sign decides over all lines of later ones.
constexpr std::array kSigns = {
    Sign{"established Child SA using", InitiateOutcome::kEstablished},
    // Our own judgement of the peer's certificate, path, name or anchor. The peer's judgement of ours is
    // AUTHENTICATION_FAILED only.
    Sign{"SEC_ERROR_REVOKED_CERTIFICATE", InitiateOutcome::kRevoked},
    Sign{"SEC_ERROR_OCSP_", InitiateOutcome::kRevocationUnavailable},
    Sign{"NSS: ERROR: IPsec certificate", InitiateOutcome::kCertificateRejected},
    Sign{"X509: certificate payload rejected", InitiateOutcome::kCertificateRejected},
    Sign{"X509: authentication failed", InitiateOutcome::kCertificateRejected},
    Sign{"authentication failed: no certificate matched", InitiateOutcome::kCertificateRejected},
    // Ours to mend: a secret or a private key is missing here.
    Sign{"no PSK found for", InitiateOutcome::kOther},
    // The peer's negotiation of the same moment won: the next snapshot has what came of it.
    Sign{"IKE SA was superseded", InitiateOutcome::kOther},
    Sign{"private key matching CKAID", InitiateOutcome::kOther},
    // By SHA-1, or PKCS #1 v1.5: none of ours takes it.
    Sign{"requires policy RSASIG_v1_5", InitiateOutcome::kAuthenticationFailed},
    Sign{"authentication requires policy RSASIG", InitiateOutcome::kOtherKeyKind},
    Sign{"authentication requires policy ECDSA", InitiateOutcome::kOtherKeyKind},
    Sign{"authentication failed", InitiateOutcome::kAuthenticationFailed},
    Sign{"AUTHENTICATION_FAILED", InitiateOutcome::kAuthenticationFailed},
    // IKE SA up, child refused: in IKE_AUTH, or in CREATE_CHILD_SA on an IKE SA that was there.
    Sign{"rejected Child SA with", InitiateOutcome::kChildRefused},
    Sign{"CREATE_CHILD_SA failed with", InitiateOutcome::kChildRefused},
    Sign{"NO_PROPOSAL_CHOSEN", InitiateOutcome::kNoProposalChosen},
    Sign{"INVALID_KE_PAYLOAD", InitiateOutcome::kNoProposalChosen},
    Sign{"second timeout exceeded", InitiateOutcome::kNoAnswer},
    Sign{"retransmission; will wait", InitiateOutcome::kNoAnswer},
};

constexpr std::size_t kLongestDetail = 200;

/// The number between `before` and the first character that is no digit of `base`.
template <typename T>
T NumberAfter(std::string_view text, std::string_view before, int base = 10) {
  const auto at = text.find(before);
  if (at == std::string_view::npos) return 0;
  text.remove_prefix(at + before.size());
  const std::string_view digits = base == 16 ? "0123456789abcdef" : "0123456789";
  return common::ParseNumber<T>(text.substr(0, text.find_first_not_of(digits)), base).value_or(0);
}

/// `"x2-t-0" #4: initiator established Child SA using #3; … {ESP/ESN=>0x0f0078b0 <0x25602267 xfrm=…`
core::ChildSa ReadChild(std::string_view line) {
  core::ChildSa child;
  child.established = true;
  child.newest = true;
  const std::string_view name = line.substr(0, line.find('"', 1));
  if (name.starts_with('"')) child.connection = name.substr(1);
  child.serial = NumberAfter<std::uint64_t>(line, "\" #");
  child.ike_serial = NumberAfter<std::uint64_t>(line, "Child SA using #");
  child.spi_out = NumberAfter<std::uint32_t>(line, "=>0x", 16);
  child.spi_in = NumberAfter<std::uint32_t>(line, " <0x", 16);
  return child;
}

}  // namespace

core::InitiateReport ReadInitiateReport(const WhackReply& reply) {
  for (const Sign& sign : kSigns) {
    for (const ReplyLine& line : reply.lines) {
      if (line.text.find(sign.fragment) != std::string::npos) {
        core::InitiateReport report{sign.outcome, common::Quoted(line.text, kLongestDetail), {}};
        if (sign.outcome == InitiateOutcome::kEstablished) report.child = ReadChild(line.text);
        return report;
      }
    }
  }
  if (reply.timed_out) return {InitiateOutcome::kNoAnswer, reply.Last(), {}};
  return {InitiateOutcome::kOther, reply.Last(), {}};
}

}  // namespace henb::x2sec::pluto
