// SPDX-License-Identifier: Apache-2.0
#pragma once
// JsonWalk: a cursor that checks JSON while it moves over it, without a tree and without recursion.
//
// The whole of RFC 8259's grammar: structure, literals, numbers (and that a double can hold them), escapes
// with their surrogate pairs, no raw control characters, bounded depth. UTF-8 is checked apart, over the
// whole text. For this room only: `MessageScanner` steers it by hand over the envelope and lets it skip the
// rest. It may read `padding_bytes` behind the text. The first fault stays; after it the position means
// nothing. One thread.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace sluice {

namespace walk_detail {

// The first quote, backslash or control character at or behind `at`. Reads up to 15 bytes behind `end` and
// may return a place there.
inline const char* find_special(const char* at, const char* end) {
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

}  // namespace walk_detail

class JsonWalk {
 public:
  // Deeper than this is refused whatever the limits say: one bit a level is kept.
  static constexpr std::size_t depth_ceiling = 1024;

  JsonWalk(PaddedBytes text, std::size_t depth_max)
      : begin_(text.data()),
        at_(text.data()),
        end_(text.data() + text.size()),
        depth_max_(depth_max < depth_ceiling ? depth_max : depth_ceiling) {}

  [[nodiscard]] std::uint32_t offset() const { return static_cast<std::uint32_t>(at_ - begin_); }
  [[nodiscard]] const char* fault() const { return fault_; }
  [[nodiscard]] bool at_end() const { return at_ == end_; }

  void skip_blanks() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  // The byte here, NUL at the end (where a NUL in the text is no token either).
  [[nodiscard]] char peek() const { return at_ < end_ ? *at_ : '\0'; }

  // Steps into an object or array whose bracket is here; false when that is too deep.
  [[nodiscard]] bool enter();
  // Steps over the closing bracket here.
  void leave() {
    ++at_;
    --depth_;
  }
  // Within the entered object, before a member: takes the name and the colon and the blanks behind it.
  // `quote` is where the name's quote stands, `name` its raw text without quotes.
  [[nodiscard]] bool take_name(std::uint32_t& quote, Bytes& name, bool& escaped);
  // Behind an item or a member: 1 when a comma was taken and another must follow, 0 when `closing` is here,
  // -1 fault.
  [[nodiscard]] int take_comma(char closing);
  // A string with its quotes; `inner` is what is between them.
  [[nodiscard]] bool take_string(Bytes& inner, bool& escaped);
  // Any value, to its last byte.
  [[nodiscard]] bool skip_value();

  bool fail(const char* reason) {
    if (fault_ == nullptr) fault_ = reason;
    return false;
  }

 private:
  enum class Next : std::uint8_t { value, after, fault };

  Next open(bool object);
  bool skip_scalar();
  bool take_escape();
  bool take_hex4(std::uint32_t& unit);
  bool take_number();
  bool take_literal(Bytes word);
  Next after_value();

  const char* begin_;
  const char* at_;
  const char* end_;
  std::size_t depth_max_;
  std::size_t depth_ = 0;
  const char* fault_ = nullptr;
  // Whether the container on that level is an object; levels that were entered by hand are not marked.
  std::array<std::uint64_t, depth_ceiling / 64> objects_;
};

// What a scan does for every member stands here, to be inlined.
inline bool JsonWalk::enter() {
  if (depth_ >= depth_max_) return fail("nested too deeply");
  ++depth_;
  ++at_;
  return true;
}

inline bool JsonWalk::take_name(std::uint32_t& quote, Bytes& name, bool& escaped) {
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

inline int JsonWalk::take_comma(char closing) {
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

inline bool JsonWalk::take_string(Bytes& inner, bool& escaped) {
  ++at_;
  const char* const first = at_;
  escaped = false;
  for (;;) {
    at_ = walk_detail::find_special(at_, end_);
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

}  // namespace sluice
