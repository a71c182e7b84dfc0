// Structured log: one line an event, stable event names (docs/events.md), fields as key=value or JSON.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "absl/status/status.h"

namespace henb::common {

enum class LogLevel { kDebug, kInfo, kWarning, kAlarm };

/// One field. The value is text, a whole number or a truth value; a SecretBytes does not convert to any of them.
struct LogField {
  std::string_view key;
  std::variant<std::string, std::int64_t, bool> value;

  LogField(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  LogField(std::string_view k, std::string_view v) : key(k), value(std::string(v)) {}
  LogField(std::string_view k, const char* v) : key(k), value(std::string(v)) {}
  LogField(std::string_view k, bool v) : key(k), value(v) {}
  template <typename T>
  requires(std::is_integral_v<T> && !std::is_same_v<T, bool>) LogField(std::string_view k, T v)
      : key(k), value(static_cast<std::int64_t>(v)) {}
  LogField(std::string_view k, const absl::Status& v) : key(k), value(std::string(v.message())) {}
};

/// Writes `event` with its fields to standard error (the journal's). Any thread; a line is written by one write(2).
void Log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

inline void LogInfo(std::string_view event, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kInfo, event, fields);
}
inline void LogDebug(std::string_view event, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kDebug, event, fields);
}
inline void LogWarning(std::string_view event, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kWarning, event, fields);
}
/// What an operator must look at.
inline void LogAlarm(std::string_view event, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kAlarm, event, fields);
}

struct LogConfig {
  bool json = false;                 ///< JSON lines instead of key=value.
  LogLevel least = LogLevel::kInfo;  ///< Quieter events are not written.
  std::string program;               ///< Put into every line.
};
/// Set at start; any thread later.
void ConfigureLog(const LogConfig& config);

/// For tests: lines go to `sink` until it is set to nullptr again.
void SetLogSinkForTest(std::function<void(std::string_view line)> sink);

}  // namespace henb::common
