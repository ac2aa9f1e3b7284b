// SPDX-License-Identifier: Apache-2.0
#pragma once
// The log: one JSON object a line, written to a sink.
//
//   log.warning("upstream restarted").field("upstream", name).field("attempt", 3);
//
// A record is written at the end of the statement. Every record has `time` (RFC 3339, UTC), `level`,
// `message`, then the common fields, then its own. Lines are bounded: what does not fit is cut or left out
// and `"truncated":true` says so. Values given to hide() never reach the sink. What a sink could not take is
// counted and reported by the next record it can. Knows no file and no clock but the ones it is given. One
// thread.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/limits.h"
#include "base/time.h"

namespace sluice {

enum class LogLevel : std::uint8_t { debug, info, warning, error, off };

[[nodiscard]] std::string_view level_name(LogLevel level);

// Where lines go.
class LogSink {
 public:
  virtual ~LogSink() = default;
  // Takes one line, '\n' included, and never blocks. False when there was no room: then nothing was taken.
  virtual bool write(std::string_view line) = 0;
};

// Keeps lines in memory, for tests.
class StringSink final : public LogSink {
 public:
  bool write(std::string_view line) override {
    text.append(line);
    return true;
  }
  std::string text;
};

class Log;

// One record in the making. Written when destroyed; never outlives the statement that began it, nor the Log.
class LogRecord {
 public:
  LogRecord(const LogRecord&) = delete;
  LogRecord& operator=(const LogRecord&) = delete;
  ~LogRecord();

  // `name` is a constant of ours, in snake_case.
  LogRecord& field(std::string_view name, std::string_view value);
  LogRecord& field(std::string_view name, const char* value) { return field(name, std::string_view(value)); }
  LogRecord& field(std::string_view name, std::same_as<bool> auto value) { return flag(name, value); }
  LogRecord& field(std::string_view name, double value);
  template <std::integral Integer>
  requires(!std::same_as<Integer, bool>) LogRecord& field(std::string_view name, Integer value) {
    if constexpr (std::is_signed_v<Integer>) {
      return signed_number(name, value);
    } else {
      return unsigned_number(name, value);
    }
  }

 private:
  friend class Log;
  LogRecord(Log* log, LogLevel level, std::string_view message);
  LogRecord& flag(std::string_view name, bool value);
  LogRecord& signed_number(std::string_view name, std::int64_t value);
  LogRecord& unsigned_number(std::string_view name, std::uint64_t value);
  LogRecord& token(std::string_view name, std::string_view json);

  Log* log_;  // null when the level is not logged
  std::string line_;
  bool truncated_ = false;
};

class Log {
 public:
  // The sink and the clock outlive the log.
  Log(LogSink& sink, const Clock& clock, const ObserveLimits& limits, LogLevel level = LogLevel::info);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log();

  LogRecord debug(std::string_view message) { return record(LogLevel::debug, message); }
  LogRecord info(std::string_view message) { return record(LogLevel::info, message); }
  LogRecord warning(std::string_view message) { return record(LogLevel::warning, message); }
  LogRecord error(std::string_view message) { return record(LogLevel::error, message); }
  LogRecord record(LogLevel level, std::string_view message);

  void set_level(LogLevel level) { level_ = level; }
  [[nodiscard]] bool enabled(LogLevel level) const { return level >= level_ && level != LogLevel::off; }

  // From now on every record carries this field, say the worker's slot.
  void common_field(std::string_view name, std::string_view value);
  void common_field(std::string_view name, std::int64_t value);

  // From now on `secret` is written as "[hidden]", wherever it stands in a message or a value, also in its
  // JSON-escaped form. False, and not hidden, when it has fewer than secret_bytes_min bytes: hiding it would
  // blot out plain words.
  [[nodiscard]] bool hide(std::string_view secret);
  static constexpr std::size_t secret_bytes_min = 4;

  // Replaces hidden values in a text that goes elsewhere (an error reply, a page).
  [[nodiscard]] std::string redacted(std::string_view text) const;

  // Records that the sink did not take so far.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  friend class LogRecord;
  void begin(std::string& line, LogLevel level);
  void append_text(LogRecord& record, std::string_view name, std::string_view value);
  void write(std::string&& line);
  void report_drops();

  LogSink& sink_;
  const Clock& clock_;
  std::size_t line_bytes_max_;
  LogLevel level_;
  std::string common_;                // rendered common fields, each with its leading comma
  std::vector<std::string> secrets_;  // raw and escaped forms
  std::string spare_;                 // a line's memory, reused
  std::string clean_;                 // scratch for redaction
  std::uint64_t dropped_ = 0;
  std::uint64_t dropped_unreported_ = 0;
};

}  // namespace sluice
