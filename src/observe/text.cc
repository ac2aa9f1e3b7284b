// SPDX-License-Identifier: Apache-2.0
#include "observe/text.h"

#include <cstdint>

namespace sluice {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

// How many bytes at the start of `text` are ASCII that JSON takes as it is; nearly always all.
std::size_t plain_bytes(std::string_view text) {
  std::size_t bytes = 0;
  for (; bytes < text.size(); ++bytes) {
    const auto byte = static_cast<std::uint8_t>(text[bytes]);
    if (byte < 0x20 || byte >= 0x7f || byte == '"' || byte == '\\') break;
  }
  return bytes;
}

// What one character becomes inside a JSON string; `memory` holds it when it is not the character itself.
std::string_view json_escape(std::string_view character, char (&memory)[6]) {
  static constexpr char digits[] = "0123456789abcdef";
  const char c = character[0];
  switch (c) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: break;
  }
  const auto byte = static_cast<std::uint8_t>(c);
  if (byte >= 0x20 && byte != 0x7f) return character;
  memory[0] = '\\';
  memory[1] = 'u';
  memory[2] = memory[3] = '0';
  memory[4] = digits[byte >> 4];
  memory[5] = digits[byte & 15];
  return std::string_view(memory, sizeof(memory));
}

}  // namespace

std::size_t utf8_character_bytes(std::string_view text) {
  if (text.empty()) return 0;
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const auto continues = [&](std::size_t i) { return i < text.size() && (at(i) & 0xc0) == 0x80; };
  const std::uint8_t first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return continues(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (!continues(1) || !continues(2)) return 0;
    const bool overlong = first == 0xe0 && at(1) < 0xa0;
    const bool surrogate = first == 0xed && at(1) > 0x9f;
    return overlong || surrogate ? 0 : 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    const bool overlong = first == 0xf0 && at(1) < 0x90;
    const bool too_high = first == 0xf4 && at(1) > 0x8f;
    return overlong || too_high ? 0 : 4;
  }
  return 0;
}

void append_well_formed(std::string& out, std::string_view text, std::size_t bytes_max) {
  std::size_t taken = 0;
  while (!text.empty()) {
    const std::size_t length = utf8_character_bytes(text);
    const std::size_t used = length == 0 ? 1 : length;
    if (taken + used > bytes_max) return;
    out.append(length == 0 ? replacement : text.substr(0, length));
    text.remove_prefix(used);
    taken += used;
  }
}

bool append_json_escaped(std::string& out, std::string_view text, std::size_t room) {
  char memory[6];
  while (!text.empty()) {
    if (const std::size_t plain = plain_bytes(text.substr(0, room)); plain != 0) {
      out.append(text.substr(0, plain));
      room -= plain;
      text.remove_prefix(plain);
      continue;
    }
    const std::size_t length = utf8_character_bytes(text);
    const std::string_view piece = length == 0 ? replacement : json_escape(text.substr(0, length), memory);
    if (piece.size() > room) return false;
    out.append(piece);
    room -= piece.size();
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return true;
}

}  // namespace sluice
