// SPDX-License-Identifier: Apache-2.0
#include "codec/json_text.h"

#include <simdjson.h>

#include <charconv>
#include <cstddef>
#include <system_error>

namespace sluice {
namespace {

// Whether a number that std::from_chars calls out of range is so because it is large. Reads the decimal
// exponent of the leading digit; its sign decides, as no number near 1 is out of range.
bool is_huge(Bytes number) {
  std::size_t at = number.front() == '-' ? 1 : 0;
  long magnitude = 0;  // the exponent of the first digit that is not 0
  bool leading = false;
  bool fraction = false;
  for (; at < number.size() && (number[at] | 0x20) != 'e'; ++at) {
    if (number[at] == '.') {
      fraction = true;
    } else if (!leading && number[at] == '0') {
      if (fraction) --magnitude;
    } else {
      if (!fraction) ++magnitude;
      leading = true;
    }
  }
  if (!leading) return false;
  if (at == number.size()) return magnitude > 0;
  ++at;
  const bool negative = number[at] == '-';
  if (number[at] == '-' || number[at] == '+') ++at;
  long exponent = 0;
  for (; at < number.size(); ++at) {
    if (exponent < 1'000'000'000) exponent = exponent * 10 + (number[at] - '0');
  }
  return magnitude + (negative ? -exponent : exponent) > 0;
}

bool has_short_exponent(Bytes number) {
  const std::size_t e = number.find_first_of("eE");
  if (e == Bytes::npos) return true;
  const std::size_t first = number.find_first_not_of("+-0", e + 1);
  return first == Bytes::npos || number.size() - first <= 9;
}

// Length of the well-formed UTF-8 sequence at the front (table 3-7 of Unicode), 0 when there is none.
std::size_t sequence_length(Bytes text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto trails = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4 || !trails(1)) return 0;
  if (lead < 0xE0) return 2;
  if (lead < 0xF0) {
    if ((lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) > 0x9F)) return 0;
    return trails(2) ? 3 : 0;
  }
  if ((lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) > 0x8F)) return 0;
  return trails(2) && trails(3) ? 4 : 0;
}

}  // namespace

bool json_number_value(Bytes number, double& value) {
  if (!has_short_exponent(number)) return false;
  const auto read = std::from_chars(number.data(), number.data() + number.size(), value);
  if (read.ec == std::errc()) return true;
  if (is_huge(number)) return false;
  value = number.front() == '-' ? -0.0 : 0.0;
  return true;
}

bool is_utf8_simd(Bytes text) { return simdjson::validate_utf8(text.data(), text.size()); }

void append_utf8_repaired(std::string& out, Bytes text) {
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0) {
      out.append("\xEF\xBF\xBD");
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
}

void append_code_point(std::string& out, std::uint32_t code_point) {
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | (code_point >> 6));
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | (code_point >> 12));
    put(0x80 | ((code_point >> 6) & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | (code_point >> 18));
    put(0x80 | ((code_point >> 12) & 0x3F));
    put(0x80 | ((code_point >> 6) & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

}  // namespace sluice
