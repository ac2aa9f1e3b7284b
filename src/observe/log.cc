// SPDX-License-Identifier: Apache-2.0
#include "observe/log.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "base/timestamp.h"
#include "observe/text.h"

namespace sluice {
namespace {

constexpr std::string_view cut_ending = R"(,"truncated":true})"
                                        "\n";
constexpr std::string_view hidden_mark = "[hidden]";
constexpr std::size_t line_bytes_min = 256;  // time, level and a short message always fit

template <class Number>
std::string_view decimal(Number value, char (&memory)[32]) {
  const auto end = std::to_chars(memory, memory + sizeof(memory), value);
  return std::string_view(memory, static_cast<std::size_t>(end.ptr - memory));
}

// Replaces every stretch that is part of some secret, overlapping ones as one, so that no tail of either
// stays.
void redact(std::string_view text, const std::vector<std::string>& secrets, std::string& out) {
  out.clear();
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t begin = std::string_view::npos;
    std::size_t end = 0;
    for (const std::string& secret : secrets) {
      const std::size_t found = text.find(secret, at);
      if (found < begin) begin = found, end = found + secret.size();
    }
    if (begin == std::string_view::npos) break;
    for (std::size_t start = begin; start < end; ++start) {  // grow over what begins inside it
      for (const std::string& secret : secrets) {
        if (text.substr(start).starts_with(secret)) end = std::max(end, start + secret.size());
      }
    }
    out.append(text.substr(at, begin - at)).append(hidden_mark);
    at = end;
  }
  out.append(text.substr(at));
}

}  // namespace

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warning: return "warning";
    case LogLevel::error: return "error";
    case LogLevel::off: break;
  }
  return "off";
}

LogRecord::LogRecord(Log* log, LogLevel level, std::string_view message) : log_(log) {
  if (log_ == nullptr) return;
  line_ = std::move(log_->spare_);
  log_->begin(line_, level);
  log_->append_text(*this, "message", message);
  // Common fields are ours and short; a log whose common fields fill a line is a bug that this cuts.
  if (line_.size() + log_->common_.size() + cut_ending.size() <= log_->line_bytes_max_) {
    line_.append(log_->common_);
  } else {
    truncated_ = true;
  }
}

LogRecord::~LogRecord() {
  if (log_ == nullptr) return;
  line_.append(truncated_ ? cut_ending : std::string_view("}\n"));
  log_->write(std::move(line_));
}

LogRecord& LogRecord::field(std::string_view name, std::string_view value) {
  if (log_ != nullptr) log_->append_text(*this, name, value);
  return *this;
}

LogRecord& LogRecord::field(std::string_view name, double value) {
  char memory[32];
  return token(name, std::isfinite(value) ? decimal(value, memory) : std::string_view("null"));
}

LogRecord& LogRecord::flag(std::string_view name, bool value) {
  return token(name, value ? "true" : "false");
}

LogRecord& LogRecord::signed_number(std::string_view name, std::int64_t value) {
  char memory[32];
  return token(name, decimal(value, memory));
}

LogRecord& LogRecord::unsigned_number(std::string_view name, std::uint64_t value) {
  char memory[32];
  return token(name, decimal(value, memory));
}

LogRecord& LogRecord::token(std::string_view name, std::string_view json) {
  if (log_ == nullptr) return *this;
  const std::size_t needed = name.size() + json.size() + 4 + cut_ending.size();
  if (line_.size() + needed > log_->line_bytes_max_) {
    truncated_ = true;
  } else {
    line_.append(",\"").append(name).append("\":").append(json);
  }
  return *this;
}

Log::Log(LogSink& sink, const Clock& clock, const ObserveLimits& limits, LogLevel level)
    : sink_(sink),
      clock_(clock),
      line_bytes_max_(std::max(limits.log_line_bytes_max, line_bytes_min)),
      level_(level) {}

Log::~Log() { report_drops(); }

LogRecord Log::record(LogLevel level, std::string_view message) {
  return LogRecord(enabled(level) ? this : nullptr, level, message);
}

void Log::common_field(std::string_view name, std::string_view value) {
  redact(value, secrets_, clean_);
  common_.append(",\"").append(name).append("\":\"");
  append_json_escaped(common_, clean_, line_bytes_max_);
  common_.push_back('"');
}

void Log::common_field(std::string_view name, std::int64_t value) {
  char memory[32];
  common_.append(",\"").append(name).append("\":").append(decimal(value, memory));
}

bool Log::hide(std::string_view secret) {
  if (secret.size() < secret_bytes_min) return false;
  std::string escaped;
  append_json_escaped(escaped, secret, 6 * secret.size());
  if (escaped != secret) secrets_.push_back(std::move(escaped));
  secrets_.emplace_back(secret);
  return true;
}

std::string Log::redacted(std::string_view text) const {
  std::string clean;
  redact(text, secrets_, clean);
  return clean;
}

void Log::begin(std::string& line, LogLevel level) {
  line.assign("{\"time\":\"");
  append_rfc3339(line, clock_.wall());
  line.append("\",\"level\":\"").append(level_name(level)).push_back('"');
}

void Log::append_text(LogRecord& record, std::string_view name, std::string_view value) {
  std::string& line = record.line_;
  const std::size_t needed =
      line.size() + name.size() + 6 + cut_ending.size();  // ,"":"" and what ends the line
  if (needed > line_bytes_max_) {
    record.truncated_ = true;
    return;
  }
  if (!secrets_.empty()) {
    redact(value, secrets_, clean_);
    value = clean_;
  }
  line.append(",\"").append(name).append("\":\"");
  if (!append_json_escaped(line, value, line_bytes_max_ - needed)) record.truncated_ = true;
  line.push_back('"');
}

void Log::write(std::string&& line) {
  report_drops();
  if (dropped_unreported_ != 0 || !sink_.write(line)) {
    ++dropped_;
    ++dropped_unreported_;
  }
  spare_ = std::move(line);
}

void Log::report_drops() {
  if (dropped_unreported_ == 0) return;
  std::string line;
  begin(line, LogLevel::warning);
  char memory[32];
  line.append(R"(,"message":"log records were dropped")").append(common_);
  line.append(",\"count\":").append(decimal(dropped_unreported_, memory)).append("}\n");
  if (sink_.write(line)) dropped_unreported_ = 0;
}

}  // namespace sluice
