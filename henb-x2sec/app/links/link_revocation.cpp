// Links: what revocation news means for them.
#include <algorithm>
#include <map>

#include "common/log.h"
#include "henb-x2sec/app/links/links.h"

namespace henb::x2sec::app {
namespace {

constexpr absl::Duration kProvenWithin = absl::Seconds(4);  // R58: 5 s, of which a second is for taking SAs down
constexpr absl::Duration kOthersProvenWithin = absl::Minutes(1);
constexpr absl::Duration kPeersChange = absl::Seconds(8);
constexpr absl::Duration kLookAgainAtRevoked = absl::Minutes(10);

/// Every connection's traffic goes over an IKE SA above this serial.
bool ProvenSince(const LinkRuntime& link, std::uint64_t newest_serial) {
  return std::all_of(link.connections.begin(), link.connections.end(), [&](const auto& entry) {
    const core::LiveChild* child = core::FindChild(entry.second.children, entry.second.pin);
    return child != nullptr && child->ike_serial > newest_serial;
  });
}

}  // namespace

/// The list knows serial numbers, IKE knows neighbours by name. So each link proves itself by a key change, which costs
/// no packet. Where the certificate is known to be the revoked one, the link is shut at once; where it may be, soon.
void Links::ProveAgain(std::uint64_t newest_serial,
                       const std::function<revocation::SerialBook::Answer(const common::HenbId&)>& revoked) {
  using Answer = revocation::SerialBook::Answer;
  std::map<common::HenbId, Answer> asked;
  for (const auto& [id, link] : links_) {
    if (link.link.state == core::LinkState::kUpCert) asked.emplace(id, revoked(id));
  }
  common::LogInfo("revocation.proofs_wanted", {{"links", asked.size()}});
  for (const auto& [id, answer] : asked) {
    if (answer == Answer::kOnly) {
      ShutUnproven(id, newest_serial);
      continue;
    }
    const bool suspect = answer == Answer::kMayBe;
    parts_.key_changes.Abandon(id);  // what began before the news proves nothing
    // The peer has the same news: a change of his proves him to us as well, so one of the two is enough where there is
    // time.
    const bool waits = !suspect && !links_.at(id).initiator;
    parts_.loop.After(waits ? parts_.random.Jitter(kPeersChange, 0.2) : absl::ZeroDuration(),
                      [this, id = id, newest_serial, suspect] { Prove(id, newest_serial, suspect); });
    parts_.loop.After(suspect ? kProvenWithin : kOthersProvenWithin,
                      [this, id = id, newest_serial] { ShutUnproven(id, newest_serial); });
  }
}

void Links::Prove(const common::HenbId& id, std::uint64_t newest_serial, bool suspect) {
  const auto it = links_.find(id);
  if (it == links_.end() || ProvenSince(it->second, newest_serial)) return;
  StartKeyChange(id, [this, id, newest_serial, suspect](const absl::Status& status) {
    if (!status.ok() && suspect) ShutUnproven(id, newest_serial);
  });
}

void Links::ShutUnproven(const common::HenbId& id, std::uint64_t newest_serial) {
  const auto it = links_.find(id);
  if (it == links_.end()) return;
  LinkRuntime& link = it->second;
  if (link.link.state != core::LinkState::kUpCert || ProvenSince(link, newest_serial)) return;
  common::LogAlarm("revocation.not_proven", {{"neighbour", id.str()}});
  parts_.key_changes.Abandon(id);
  Handle(link, core::LinkEvent::kTooOld);
}

/// It may get another certificate: it is tried again now and then, and pluto asks again.
void Links::ForgetRevokedLater(const common::HenbId& id) {
  parts_.loop.After(parts_.random.Jitter(kLookAgainAtRevoked, 0.2), [this, id] {
    const auto it = links_.find(id);
    if (it == links_.end()) return;
    const auto forgotten = std::erase_if(it->second.failures, [](const policy::Failure& failure) {
      return failure.kind == policy::FailureKind::kRevoked;
    });
    if (forgotten > 0) EvaluateAll();
  });
}

}  // namespace henb::x2sec::app
