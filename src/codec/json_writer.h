// SPDX-License-Identifier: Apache-2.0
#pragma once
// Writes JSON text piece by piece onto a string: quoting, numbers, commas.
//
// Never builds a tree and never checks that names differ. Strings that are not UTF-8 get U+FFFD for what is
// wrong, so that the text is always JSON. The string must outlive the writer. Any thread, one at a time. RFC
// 8259.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace sluice {

// Appends `text` quoted and escaped: the two-letter escapes where there are any, \u00XX for other control
// characters.
void append_json_string(std::string& out, Bytes text);
void append_json_integer(std::string& out, std::int64_t value);
void append_json_integer(std::string& out, std::uint64_t value);
// The shortest digits that read back as the same double, always with a fraction or an exponent (so that a
// real stays a real); null when not finite.
void append_json_double(std::string& out, double value);

// `JsonWriter(out).begin_object().member("a", 1).key("b").begin_array().value("x").end_array().end_object()`.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(Bytes name);

  JsonWriter& value(Bytes text);
  JsonWriter& value(const char* text) { return value(Bytes(text)); }
  JsonWriter& value(const std::string& text) { return value(Bytes(text)); }
  template <std::same_as<bool> B>
  JsonWriter& value(B flag) {
    return raw(flag ? "true" : "false");
  }
  template <std::integral I>
  requires(!std::same_as<I, bool>) JsonWriter& value(I number) {
    comma();
    if constexpr (std::is_unsigned_v<I>) {
      append_json_integer(out_, static_cast<std::uint64_t>(number));
    } else {
      append_json_integer(out_, static_cast<std::int64_t>(number));
    }
    return *this;
  }
  JsonWriter& value(double number);
  JsonWriter& null() { return raw("null"); }
  // JSON text, taken as it is.
  JsonWriter& raw(Bytes json);

  template <class T>
  JsonWriter& member(Bytes name, const T& v) {
    key(name);
    return value(v);
  }
  JsonWriter& raw_member(Bytes name, Bytes json) { return key(name).raw(json); }

 private:
  void comma();

  std::string& out_;
  std::size_t depth_ = 0;
};

}  // namespace sluice
