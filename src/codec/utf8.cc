// SPDX-License-Identifier: Apache-2.0
#include "codec/utf8.h"

#include <cstring>

namespace sluice {

namespace {

// How many bytes at the front are ASCII, counted in whole words.
std::size_t ascii_prefix(Bytes text) {
  constexpr std::uint64_t high_bits = 0x8080808080808080;
  std::size_t at = 0;
  for (std::uint64_t word = 0; at + sizeof word <= text.size(); at += sizeof word) {
    std::memcpy(&word, text.data() + at, sizeof word);
    if ((word & high_bits) != 0) break;
  }
  return at;
}

}  // namespace

// RFC 3629 section 4: only the first continuation byte has a range of its own.
bool Utf8Validator::take(unsigned char byte) {
  if (wanted_ != 0) {
    if (byte < low_ || byte > high_) return false;
    low_ = 0x80;
    high_ = 0xBF;
    --wanted_;
    return true;
  }
  if (byte < 0x80) return true;
  if (byte < 0xC2 || byte > 0xF4) return false;
  wanted_ = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
  if (byte == 0xE0)
    low_ = 0xA0;  // else overlong
  else if (byte == 0xED)
    high_ = 0x9F;  // else a surrogate
  else if (byte == 0xF0)
    low_ = 0x90;  // else overlong
  else if (byte == 0xF4)
    high_ = 0x8F;  // else above U+10FFFF
  return true;
}

bool Utf8Validator::feed(Bytes bytes) {
  if (failed_) return false;
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (wanted_ == 0) at += ascii_prefix(bytes.substr(at));
    // Then byte by byte through what the word held, or through one character.
    for (std::size_t i = 0; i < sizeof(std::uint64_t) && at < bytes.size(); ++i, ++at) {
      if (!take(static_cast<unsigned char>(bytes[at]))) {
        failed_ = true;
        return false;
      }
    }
  }
  return true;
}

bool is_utf8(Bytes text) {
  Utf8Validator validator;
  return validator.feed(text) && validator.complete();
}

std::size_t utf8_valid_prefix(Bytes text) {
  Utf8Validator validator;
  std::size_t whole = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!validator.feed(text.substr(at, 1))) break;
    if (validator.complete()) whole = at + 1;
  }
  return whole;
}

}  // namespace sluice
