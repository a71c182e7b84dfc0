#include "tests/unit/epoch_protocol/link_side.h"

#include <algorithm>

#include "henb-x2sec/core/key_change.h"

namespace henb::epoch_protocol {
namespace {

namespace core = x2sec::core;
using Phase = core::KeyChangePhase;

constexpr std::uint64_t kOldIke = 10;
constexpr std::uint64_t kNewIke = 20;
const core::KeyChangeLimits kLimits;

core::IkeSa Ike(std::uint64_t serial) {
  return {.serial = serial, .connection = "x2-b-0", .established = true, .newest = true};
}
core::LiveChild Child(std::uint64_t ike, std::uint64_t bytes_in) {
  return {.serial = ike + 1,
          .ike_serial = ike,
          .spi_out = static_cast<std::uint32_t>(ike + 2),
          .spi_in = static_cast<std::uint32_t>(ike + 3),
          .bytes_in = bytes_in,
          .bytes_out = 1};
}

core::KeyChangeView OldOnly() {
  return {.now = absl::Seconds(1), .pluto_running = true, .ike_sas = {Ike(kOldIke)}, .children = {{Child(kOldIke, 1)}}};
}
core::KeyChangeView WithNewIke() {
  core::KeyChangeView view = OldOnly();
  view.now = absl::Seconds(2);
  view.ike_sas.push_back(Ike(kNewIke));
  return view;
}

bool Deletes(const core::KeyChangeStep& step, std::uint64_t serial) {
  return std::any_of(step.actions.begin(), step.actions.end(), [&](const core::KeyChangeAction& action) {
    return action.kind == core::KeyChangeAction::Kind::kDeleteState && action.serial == serial;
  });
}

}  // namespace

void LinkSide::Begin(Link* link, int changer) const {
  if (core::BeginKeyChange(OldOnly()).change.phase != Phase::kReauthenticating) return;
  link->phase = ChangePhase::kReauthenticating;
  link->changer = static_cast<std::uint8_t>(changer);
  if (mistake_ == Mistake::kOldRemovedFirst) link->sa = 0;
}

bool LinkSide::Reauthenticate(Link* link, std::uint8_t key, std::string* violation) const {
  const core::KeyChange begun = core::BeginKeyChange(OldOnly()).change;
  const core::KeyChangeStep step = key != 0 ? core::AdvanceKeyChange(begun, WithNewIke(), kLimits)
                                            : core::FailKeyChange(begun, "reauthentication_refused", OldOnly());
  if (Deletes(step, kOldIke)) *violation = "the old SA is deleted before the new one carries";
  if (step.change.phase == Phase::kOpeningChild) {
    link->new_sa = key;
    link->phase = ChangePhase::kOpeningChild;
    return true;
  }
  link->phase = ChangePhase::kNone;
  link->changer = 0;
  return false;
}

void LinkSide::Finish(Link* link, std::string* violation) const {
  core::KeyChange change = core::AdvanceKeyChange(core::BeginKeyChange(OldOnly()).change, WithNewIke(), kLimits).change;
  core::KeyChangeView view = WithNewIke();
  bool old_deleted = false;
  for (int look = 0; look < 10 && core::IsRunning(change); ++look) {
    view.now += kLimits.calm;
    view.children = {{}};
    if (!old_deleted) view.children[0].push_back(Child(kOldIke, 1));
    // The peer's first packet on the new SA comes a look later than the SA.
    view.children[0].push_back(Child(kNewIke, look < 2 ? 0 : 1));
    const core::KeyChangeStep step = core::AdvanceKeyChange(change, view, kLimits);
    if (Deletes(step, kNewIke)) *violation = "a change that succeeded deletes the new SA";
    if (Deletes(step, kOldIke)) {
      if (look < 2) *violation = "the old SA is deleted before the new one carries";
      old_deleted = true;
      std::erase_if(view.ike_sas, [](const core::IkeSa& ike) { return ike.serial == kOldIke; });
    }
    change = step.change;
  }
  if (change.phase != Phase::kDone) *violation = "a key change does not come to its end";
  *link = Link{.sa = link->new_sa, .new_sa = 0, .phase = ChangePhase::kNone, .changer = 0};
}

}  // namespace henb::epoch_protocol
