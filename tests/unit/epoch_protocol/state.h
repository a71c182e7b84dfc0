// One state of the world that is searched: octets only, so that it is hashed and compared as such.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace henb::epoch_protocol {

/// 0: none. Generations as the holder sees them.
struct Version {
  std::uint8_t epoch = 0;
  std::uint8_t generation_local = 0;
  std::uint8_t generation_peer = 0;
};

/// `key` is a number of KeyPool's, 0: none, or known by its version only. Times in ticks of the holder's steady clock;
/// in an answer, from its arrival.
struct HeldKey {
  Version version;
  std::uint8_t key = 0;
  std::int8_t activate_at = 0;
  std::int8_t expire_at = 0;
};

/// KeyState of an end.
enum class Holding : std::uint8_t { kNothing, kInstalled, kKept, kExpired, kDenied };

enum class AnswerKind : std::uint8_t { kNone, kKeys, kDenied };

struct Answer {
  AnswerKind kind = AnswerKind::kNone;
  std::uint8_t destroyed = 0;  ///< Highest epoch whose root was destroyed when the answer was made.
  HeldKey current;
  HeldKey next;
};

/// A HeNB: what PairKeyRing, EpochFloor and KeyDistribution hold for the pair, and the secrets file.
struct End {
  Answer in_flight;
  Version newest;
  Version floor;
  HeldKey current;
  HeldKey next;
  std::uint8_t file_key = 0;     ///< In the secrets file, read by pluto.
  std::int8_t file_expires = 0;  ///< What the ledger says of it.
  Holding holding = Holding::kNothing;
  std::uint8_t installing = 0;     ///< The ring's current key is on its way to the file.
  std::uint8_t change_due = 0;     ///< A key change is to come, or to come again.
  std::uint8_t event_pending = 0;  ///< The service's word that one of the pair is suspended is under way.
  std::uint8_t heard = 0;          ///< Highest Answer::destroyed that reached this run of the daemon.
  std::int8_t drift = 0;           ///< The end's steady clock minus true time.
};

constexpr std::size_t kMostEpochs = 5;

/// What the store holds, and what EpochKeeper keeps in memory.
struct Server {
  std::uint8_t epochs = 0;                               ///< Made: 1 to `epochs`.
  std::array<std::int8_t, kMostEpochs + 1> activates{};  ///< By number.
  std::array<std::uint8_t, kMostEpochs + 1> roots{};     ///< How often a root was made.
  std::uint8_t destroyed = 0;                            ///< 1 to `destroyed` have no root any more.
  std::uint8_t served = 0;                               // From here on lost at a restart.
  std::uint8_t current = 0;
  std::int8_t current_ends = 0;
  std::uint8_t next = 0;
  std::int8_t offset = 0;  ///< Its calendar clock minus true time.
  std::array<std::uint8_t, 2> generation{1, 1};
  std::array<std::uint8_t, 2> suspended{};
};

enum class ChangePhase : std::uint8_t { kNone, kReauthenticating, kOpeningChild };

/// The SAs between the two: keys that authenticated them, 0: none.
struct Link {
  std::uint8_t sa = 0;
  std::uint8_t new_sa = 0;
  ChangePhase phase = ChangePhase::kNone;
  std::uint8_t changer = 0;
  std::uint8_t age = 0;  ///< Of `sa`, in ticks since it authenticated; 0 where max_sa_age is not looked at.
};

struct State {
  std::uint8_t now = 0;     ///< True time in ticks.
  std::uint8_t faults = 0;  ///< That happened.
  std::uint8_t slips = 0;   ///< Of them, those that may lengthen a key's time by a tick each.
  Server server;
  std::array<End, 2> ends;
  Link link;

  friend bool operator==(const State& a, const State& b) { return std::memcmp(&a, &b, sizeof(State)) == 0; }
};
static_assert(std::has_unique_object_representations_v<State>, "hashed as octets");

}  // namespace henb::epoch_protocol
