// SPDX-License-Identifier: Apache-2.0
#include "codec/json_walk.h"

#include <cstring>

#include "codec/json_text.h"

namespace sluice {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

// At a backslash. Surrogates must come in pairs, as there is no UTF-8 for one alone.
bool JsonWalk::take_escape() {
  ++at_;
  switch (peek()) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': ++at_; return true;
    case 'u': break;
    default: return fail("an unknown escape in a string");
  }
  ++at_;
  std::uint32_t unit = 0;
  if (!take_hex4(unit)) return fail("a \\u escape without four hex digits");
  if (unit < 0xD800 || unit > 0xDFFF) return true;
  if (unit > 0xDBFF || end_ - at_ < 6 || at_[0] != '\\' || at_[1] != 'u')
    return fail("half a surrogate pair");
  at_ += 2;
  if (!take_hex4(unit) || unit < 0xDC00 || unit > 0xDFFF) return fail("half a surrogate pair");
  return true;
}

bool JsonWalk::take_hex4(std::uint32_t& unit) {
  if (end_ - at_ < 4) return false;
  unit = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = *at_++;
    std::uint32_t digit = 0;
    if (is_digit(c)) {
      digit = static_cast<std::uint32_t>(c - '0');
    } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
      digit = static_cast<std::uint32_t>((c | 0x20) - 'a') + 10;
    } else {
      return false;
    }
    unit = unit * 16 + digit;
  }
  return true;
}

bool JsonWalk::take_number() {
  const char* const first = at_;
  if (peek() == '-') ++at_;
  const char* const digits = at_;
  if (peek() == '0') {
    ++at_;
  } else {
    while (is_digit(peek())) ++at_;
    if (at_ == digits) return fail("a minus without a number");
  }
  bool may_be_huge = at_ - digits > 300;
  if (peek() == '.') {
    ++at_;
    if (!is_digit(peek())) return fail("a fraction without digits");
    while (is_digit(peek())) ++at_;
  }
  if (peek() == 'e' || peek() == 'E') {
    ++at_;
    may_be_huge = true;
    if (peek() == '+' || peek() == '-') ++at_;
    if (!is_digit(peek())) return fail("an exponent without digits");
    while (is_digit(peek())) ++at_;
  }
  if (!may_be_huge) return true;
  double ignored = 0;
  if (json_number_value(Bytes(first, static_cast<std::size_t>(at_ - first)), ignored)) return true;
  return fail("a number out of range");
}

bool JsonWalk::take_literal(Bytes word) {
  if (static_cast<std::size_t>(end_ - at_) < word.size() || std::memcmp(at_, word.data(), word.size()) != 0) {
    return fail("an unknown word");
  }
  at_ += word.size();
  return true;
}

bool JsonWalk::skip_scalar() {
  switch (peek()) {
    case '"': {
      Bytes inner;
      bool escaped = false;
      return take_string(inner, escaped);
    }
    case 't': return take_literal("true");
    case 'f': return take_literal("false");
    case 'n': return take_literal("null");
    case '-': return take_number();
    default:
      if (is_digit(peek())) return take_number();
      return fail(at_end() ? "the text ends where a value is expected" : "a value is expected");
  }
}

// Opens a container; an empty one is closed at once.
JsonWalk::Next JsonWalk::open(bool object) {
  if (!enter()) return Next::fault;
  const std::size_t level = depth_ - 1;
  const std::uint64_t bit = std::uint64_t{1} << (level % 64);
  std::uint64_t& word = objects_[level / 64];
  word = object ? (word | bit) : (word & ~bit);
  skip_blanks();
  if (peek() == (object ? '}' : ']')) {
    leave();
    return Next::after;
  }
  if (!object) return Next::value;
  std::uint32_t quote = 0;
  Bytes name;
  bool escaped = false;
  return take_name(quote, name, escaped) ? Next::value : Next::fault;
}

// Behind a value within a container that skip_value() opened: on to the next value or out of the container.
JsonWalk::Next JsonWalk::after_value() {
  const std::size_t level = depth_ - 1;
  const bool object = ((objects_[level / 64] >> (level % 64)) & 1) != 0;
  const int more = take_comma(object ? '}' : ']');
  if (more < 0) return Next::fault;
  if (more == 0) {
    leave();
    return Next::after;
  }
  if (!object) return Next::value;
  std::uint32_t quote = 0;
  Bytes name;
  bool escaped = false;
  return take_name(quote, name, escaped) ? Next::value : Next::fault;
}

bool JsonWalk::skip_value() {
  const std::size_t outside = depth_;
  Next next = Next::value;
  for (;;) {
    if (next == Next::value) {
      skip_blanks();
      const char c = peek();
      if (c == '{' || c == '[') {
        next = open(c == '{');
      } else {
        next = skip_scalar() ? Next::after : Next::fault;
      }
    } else if (next == Next::after) {
      if (depth_ == outside) return true;
      next = after_value();
    } else {
      return false;
    }
  }
}

}  // namespace sluice
