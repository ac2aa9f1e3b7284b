// SPDX-License-Identifier: Apache-2.0
#pragma once
// UTF-8 validation, RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
//
// Says valid or not and at which byte a text went wrong; it never repairs. The incremental validator gives
// the same verdict for every split of a text and fails at the first byte that cannot continue any valid text.
// Any thread.

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace sluice {

// True when the whole text is valid.
[[nodiscard]] bool is_utf8(Bytes text);

// How many bytes from the front are whole valid characters; text.size() when all is valid.
[[nodiscard]] std::size_t utf8_valid_prefix(Bytes text);

// Validates a text that comes in pieces. Eight bytes, no memory of its own.
class Utf8Validator {
 public:
  // False from the first byte on that makes the text invalid; it stays false until reset().
  [[nodiscard]] bool feed(Bytes bytes);
  // True when all that was fed is valid and no character is unfinished.
  [[nodiscard]] bool complete() const { return !failed_ && wanted_ == 0; }
  void reset() { *this = Utf8Validator(); }

 private:
  bool take(unsigned char byte);

  std::uint8_t wanted_ = 0;   // continuation bytes still due
  std::uint8_t low_ = 0x80;   // what the next one may be at least
  std::uint8_t high_ = 0xBF;  // and at most
  bool failed_ = false;
};

}  // namespace sluice
