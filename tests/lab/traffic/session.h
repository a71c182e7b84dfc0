#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace henb::lab {

/// When one run of a traffic program starts sending, stops sending and ends. Signals: SIGUSR1 starts a held sender,
/// SIGTERM and SIGINT end. One object a process; not thread-safe.
class Session {
 public:
  struct Timing {
    double rate = 200;        // packets a second; 0: receives only
    std::uint64_t count = 0;  // packets to send; 0: until told to end
    double deadline_s = 300;  // ends by itself
    double linger_s = 1.0;    // goes on receiving after the last packet sent
    bool hold = false;        // sends nothing before SIGUSR1
  };

  /// Installs the signal handlers.
  explicit Session(const Timing& timing);

  /// Monotonic nanoseconds.
  static std::int64_t Now();

  /// True while packets may still come.
  bool Running(std::int64_t now);
  /// True when the next packet is due; counts it as attempted.
  bool DueToSend(std::int64_t now);
  /// How long to wait for something to happen, milliseconds, at most 100.
  int WaitMs(std::int64_t now) const;
  /// All packets asked for were attempted, or the end was asked for.
  bool sending_over() const { return over_; }
  std::uint64_t attempted() const { return attempted_; }

 private:
  Timing timing_;
  std::int64_t begun_;
  std::int64_t next_ = 0;
  std::int64_t over_at_ = 0;
  std::uint64_t attempted_ = 0;
  bool over_ = false;
};

/// Counts of send errors by errno name; EPERM, the guard's answer, is `refused`.
class SendErrors {
 public:
  void Count(int error);
  std::uint64_t refused() const { return refused_; }
  const std::map<std::string, std::uint64_t>& others() const { return others_; }

 private:
  std::uint64_t refused_ = 0;
  std::map<std::string, std::uint64_t> others_;
};

}  // namespace henb::lab
