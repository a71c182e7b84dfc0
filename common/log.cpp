#include "common/log.h"

#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/strings.h"

namespace henb::common {
namespace {

std::mutex g_mutex;
LogConfig g_config;
std::function<void(std::string_view)> g_sink;

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kAlarm:
      return "alarm";
  }
  return "alarm";
}

void AppendText(std::string& line, const std::string& text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c <= '~' && c != '"' && c != '=' && c != '\\';
  });
  if (plain) {
    line += text;
  } else {
    line += Quoted(text, text.size());
  }
}

std::string KeyValueLine(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  std::string line = StrCat("level=", LevelName(level), " event=", event);
  if (!g_config.program.empty()) StrAppend(&line, " program=", g_config.program);
  for (const LogField& field : fields) {
    StrAppend(&line, " ", field.key, "=");
    if (const auto* text = std::get_if<std::string>(&field.value)) {
      AppendText(line, *text);
    } else if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
      StrAppend(&line, *number);
    } else {
      StrAppend(&line, std::get<bool>(field.value) ? "true" : "false");
    }
  }
  return line;
}

std::string JsonLine(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  nlohmann::ordered_json line;
  line["time"] = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
  line["program"] = g_config.program;
  line["level"] = LevelName(level);
  line["event"] = event;
  for (const LogField& field : fields) {
    std::visit([&](const auto& value) { line[std::string(field.key)] = value; }, field.value);
  }
  return line.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace

void Log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  const std::lock_guard lock(g_mutex);
  if (level < g_config.least) return;
  std::string line = g_config.json ? JsonLine(level, event, fields) : KeyValueLine(level, event, fields);
  if (g_sink) return g_sink(line);
  line += '\n';
  // A log that cannot be written has nowhere to say so.
  if (write(STDERR_FILENO, line.data(), line.size()) < 0) return;
}

void ConfigureLog(const LogConfig& config) {
  const std::lock_guard lock(g_mutex);
  g_config = config;
}

void SetLogSinkForTest(std::function<void(std::string_view line)> sink) {
  const std::lock_guard lock(g_mutex);
  g_sink = std::move(sink);
}

}  // namespace henb::common
