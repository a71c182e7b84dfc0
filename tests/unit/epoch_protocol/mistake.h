// Mistakes that are planted in the world's wrappers, never in the product's code.
#pragma once

namespace henb::epoch_protocol {

enum class Mistake {
  kNone,
  kClientTakesOlderEpoch,      ///< Neither floor nor ring remembers what was taken.
  kOldRemovedFirst,            ///< A key change deletes the old SA before the new one has authenticated.
  kRootMadeAgain,              ///< A server that starts makes the current epoch's root anew.
  kActivatesByOwnCalendar,     ///< An end takes the activation as absolute time and compares its own calendar.
  kGenerationLeftOut,          ///< Keys are derived without generations.
  kNextUsedAtOnce,             ///< One end installs the next key when it gets it.
  kFailedChangeIsNotRetried,   ///< A key change that failed once is given up.
  kServerFollowsItsClockBack,  ///< What was served once is not remembered.
  kFresherKeyIsLeft,           ///< An end that has a key installed does not install the one that follows.
  kSuspensionLeavesKey,        ///< An end that is denied keeps its key in the file.
  kExpiredKeyStays,            ///< A key whose time is over stays in the file until an answer comes.
  kRestartForgetsTheEnd,       ///< A daemon that starts anew does not know when the key in the file ends.
  kOldSaStays,                 ///< max_sa_age is not looked at.
};

}  // namespace henb::epoch_protocol
