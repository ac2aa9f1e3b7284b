// SPDX-License-Identifier: Apache-2.0
#include "apps/printable.h"

#include "codec/utf8.h"

namespace sluice {

namespace {

constexpr Bytes replacement = "\xEF\xBF\xBD";

bool is_control(unsigned char byte) { return byte < 0x20 || byte == 0x7F; }

// U+0080 to U+009F, which are two bytes.
bool is_wide_control(Bytes rest) {
  return rest.size() >= 2 && rest[0] == '\xC2' && static_cast<unsigned char>(rest[1]) < 0xA0;
}

}  // namespace

std::string printable(Bytes text, TextLines lines) {
  std::string shown;
  shown.reserve(text.size());
  std::size_t valid = utf8_valid_prefix(text);
  while (!text.empty()) {
    std::size_t width = 1;
    const bool ends_line = text.substr(0, 2) == "\r\n";
    if (valid == 0 || is_wide_control(text)) {
      width = valid == 0 ? 1 : 2;
      shown += replacement;
    } else if (lines == TextLines::many && (text[0] == '\n' || text[0] == '\t' || ends_line)) {
      if (!ends_line) shown += text[0];  // else the next one is
    } else if (is_control(static_cast<unsigned char>(text[0]))) {
      shown += replacement;
    } else {
      shown += text[0];
    }
    text.remove_prefix(width);
    valid = valid >= width ? valid - width : 0;
    if (valid == 0) valid = utf8_valid_prefix(text);
  }
  return shown;
}

}  // namespace sluice
