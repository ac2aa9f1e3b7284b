// SPDX-License-Identifier: Apache-2.0
#include "codec/base64.h"

#include <array>
#include <cstdint>

namespace sluice {

namespace {

constexpr Bytes standard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr Bytes url_safe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t no_digit = 0xFF;

using Digits = std::array<std::uint8_t, 256>;

constexpr Digits digits_of(Bytes alphabet) {
  Digits digits{};
  for (auto& digit : digits) digit = no_digit;
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    digits[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  return digits;
}

constexpr Digits standard_digits = digits_of(standard);
constexpr Digits url_safe_digits = digits_of(url_safe);

std::uint32_t octet(Bytes bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

std::string encode(Bytes bytes, Bytes alphabet) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  std::size_t at = 0;
  for (; at + 3 <= bytes.size(); at += 3) {
    const std::uint32_t group = octet(bytes, at) << 16 | octet(bytes, at + 1) << 8 | octet(bytes, at + 2);
    for (int shift = 18; shift >= 0; shift -= 6) text.push_back(alphabet[group >> shift & 63]);
  }
  const std::size_t left = bytes.size() - at;
  if (left == 0) return text;
  std::uint32_t group = octet(bytes, at) << 16;
  if (left == 2) group |= octet(bytes, at + 1) << 8;
  text.push_back(alphabet[group >> 18 & 63]);
  text.push_back(alphabet[group >> 12 & 63]);
  if (left == 2) text.push_back(alphabet[group >> 6 & 63]);
  return text;
}

// Decodes a text that carries no padding.
std::optional<std::string> decode(Bytes text, const Digits& digits) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t held = 0;
  int held_bits = 0;
  for (const char c : text) {
    const std::uint32_t digit = digits[static_cast<unsigned char>(c)];
    if (digit == no_digit) return std::nullopt;
    held = held << 6 | digit;
    held_bits += 6;
    if (held_bits < 8) continue;
    held_bits -= 8;
    bytes.push_back(static_cast<char>(held >> held_bits & 0xFF));
    held &= (1U << held_bits) - 1;
  }
  if (held != 0)
    return std::nullopt;  // The bits left over are not zero: a second spelling of the same bytes.
  return bytes;
}

}  // namespace

std::string base64_encode(Bytes bytes) {
  std::string text = encode(bytes, standard);
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

std::optional<std::string> base64_decode(Bytes text) {
  if (text.size() % 4 != 0) return std::nullopt;
  // At most two; a third is then no digit, and a whole group of padding has no spelling at all.
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  return decode(text, standard_digits);
}

std::string base64url_encode(Bytes bytes) { return encode(bytes, url_safe); }

std::optional<std::string> base64url_decode(Bytes text) { return decode(text, url_safe_digits); }

}  // namespace sluice
