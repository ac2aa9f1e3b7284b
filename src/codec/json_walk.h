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
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace sluice {

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

}  // namespace sluice
