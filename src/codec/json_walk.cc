// SPDX-License-Identifier: Apache-2.0
#include "codec/json_walk.h"

#include <bit>
#include <cstring>

#include "codec/json_text.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace sluice {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The first quote, backslash or control character at or behind `at`. Reads up to 15 bytes behind `end` and
// may return a place there.
const char* find_special(const char* at, const char* end) {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i control = _mm_set1_epi8(0x1F);
  for (; at < end; at += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i is_quote = _mm_cmpeq_epi8(block, quote);
    const __m128i is_backslash = _mm_cmpeq_epi8(block, backslash);
    const __m128i is_control = _mm_cmpeq_epi8(_mm_min_epu8(block, control), block);
    const int mask = _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(is_quote, is_backslash), is_control));
    if (mask != 0) return at + std::countr_zero(static_cast<unsigned>(mask));
  }
  return end;
#else
  while (at < end && *at != '"' && *at != '\\' && static_cast<unsigned char>(*at) >= 0x20) ++at;
  return at;
#endif
}

}  // namespace

bool JsonWalk::enter() {
  if (depth_ >= depth_max_) return fail("nested too deeply");
  ++depth_;
  ++at_;
  return true;
}

bool JsonWalk::take_name(std::uint32_t& quote, Bytes& name, bool& escaped) {
  skip_blanks();
  if (peek() != '"') return fail("a member's name in quotes is expected");
  quote = offset();
  if (!take_string(name, escaped)) return false;
  skip_blanks();
  if (peek() != ':') return fail("a colon is expected after a member's name");
  ++at_;
  skip_blanks();
  return true;
}

int JsonWalk::take_comma(char closing) {
  skip_blanks();
  const char c = peek();
  if (c == ',') {
    ++at_;
    return 1;
  }
  if (c == closing && c != '\0') return 0;
  fail(at_end() ? "the text ends within a value" : "a comma or the closing bracket is expected");
  return -1;
}

bool JsonWalk::take_string(Bytes& inner, bool& escaped) {
  ++at_;
  const char* const first = at_;
  escaped = false;
  for (;;) {
    at_ = find_special(at_, end_);
    if (at_ >= end_) {
      at_ = end_;
      return fail("the text ends within a string");
    }
    if (*at_ == '"') break;
    if (*at_ != '\\') return fail("a control character in a string");
    escaped = true;
    if (!take_escape()) return false;
  }
  inner = Bytes(first, static_cast<std::size_t>(at_ - first));
  ++at_;
  return true;
}

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
  return fail("a number beyond every double");
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
