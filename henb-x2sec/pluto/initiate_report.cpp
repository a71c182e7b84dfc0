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
    Sign{"NSS: ERROR: IPsec certificate", InitiateOutcome::kCertificateRejected},
    Sign{"X509: certificate payload rejected", InitiateOutcome::kCertificateRejected},
    Sign{"X509: authentication failed", InitiateOutcome::kCertificateRejected},
    Sign{"authentication failed: no certificate matched", InitiateOutcome::kCertificateRejected},
    // Ours to mend: a secret or a private key is missing here.
    Sign{"no PSK found for", InitiateOutcome::kOther},
    Sign{"private key matching CKAID", InitiateOutcome::kOther},
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

}  // namespace

core::InitiateReport ReadInitiateReport(const WhackReply& reply) {
  for (const Sign& sign : kSigns) {
    for (const ReplyLine& line : reply.lines) {
      if (line.text.find(sign.fragment) != std::string::npos) {
        return {sign.outcome, common::Quoted(line.text, kLongestDetail)};
      }
    }
  }
  if (reply.timed_out) return {InitiateOutcome::kNoAnswer, reply.Last()};
  return {InitiateOutcome::kOther, reply.Last()};
}

}  // namespace henb::x2sec::pluto
