// SPDX-License-Identifier: Apache-2.0
#include "codec/json_writer.h"

#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include "base/check.h"
#include "codec/json_text.h"

namespace sluice {
namespace {

// What stands behind the backslash for a byte: 0 for a byte that needs none, 'u' for \u00XX.
constexpr std::array<char, 256> make_escapes() {
  std::array<char, 256> escapes{};
  for (std::size_t i = 0; i < 0x20; ++i) escapes[i] = 'u';
  escapes['\b'] = 'b';
  escapes['\f'] = 'f';
  escapes['\n'] = 'n';
  escapes['\r'] = 'r';
  escapes['\t'] = 't';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  return escapes;
}
constexpr std::array<char, 256> escapes = make_escapes();

template <class I>
void append_integer(std::string& out, I value) {
  char buffer[24];
  const auto written = std::to_chars(buffer, buffer + sizeof buffer, value);
  out.append(buffer, written.ptr);
}

}  // namespace

void append_json_string(std::string& out, Bytes text) {
  std::string repaired;
  if (!is_utf8_simd(text)) {
    append_utf8_repaired(repaired, text);
    text = repaired;
  }
  out.push_back('"');
  std::size_t copied = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const char escape = escapes[byte];
    if (escape == 0) continue;
    out.append(text.substr(copied, i - copied)).push_back('\\');
    out.push_back(escape);
    if (escape == 'u') {
      constexpr char digits[] = "0123456789abcdef";
      out.append("00");
      out.push_back(digits[byte >> 4]);
      out.push_back(digits[byte & 15]);
    }
    copied = i + 1;
  }
  out.append(text.substr(copied)).push_back('"');
}

void append_json_integer(std::string& out, std::int64_t value) { append_integer(out, value); }
void append_json_integer(std::string& out, std::uint64_t value) { append_integer(out, value); }

void append_json_double(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out.append("null");
    return;
  }
  char buffer[32];
  const auto written = std::to_chars(buffer, buffer + sizeof buffer, value);
  const std::string_view digits(buffer, static_cast<std::size_t>(written.ptr - buffer));
  out.append(digits);
  if (digits.find_first_of(".e") == std::string_view::npos) out.append(".0");
}

// A comma belongs before a name or an item unless a bracket or a colon was written last: outside of strings
// these end no value, and a string ends with its quote.
void JsonWriter::comma() {
  if (depth_ == 0 || out_.empty()) return;
  const char last = out_.back();
  if (last != '{' && last != '[' && last != ':') out_.push_back(',');
}

JsonWriter& JsonWriter::begin_object() {
  comma();
  out_.push_back('{');
  ++depth_;
  return *this;
}

JsonWriter& JsonWriter::end_object() {
  CHECK(depth_ > 0);
  out_.push_back('}');
  --depth_;
  return *this;
}

JsonWriter& JsonWriter::begin_array() {
  comma();
  out_.push_back('[');
  ++depth_;
  return *this;
}

JsonWriter& JsonWriter::end_array() {
  CHECK(depth_ > 0);
  out_.push_back(']');
  --depth_;
  return *this;
}

JsonWriter& JsonWriter::key(Bytes name) {
  comma();
  append_json_string(out_, name);
  out_.push_back(':');
  return *this;
}

JsonWriter& JsonWriter::value(Bytes text) {
  comma();
  append_json_string(out_, text);
  return *this;
}

JsonWriter& JsonWriter::value(double number) {
  comma();
  append_json_double(out_, number);
  return *this;
}

JsonWriter& JsonWriter::raw(Bytes json) {
  comma();
  out_.append(json);
  return *this;
}

}  // namespace sluice
