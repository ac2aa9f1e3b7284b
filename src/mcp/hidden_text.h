// SPDX-License-Identifier: Apache-2.0
#pragma once
// Characters that a person who reads a tool's description does not see, and its model does.
//
// Controls of writing direction, characters without width, the tags block, runs of variation selectors,
// fillers, and control characters that no description needs. What writing needs is let be: a joiner in an
// emoji or between letters of scripts that use it, one variation selector, line ends and tabs. Pure. Spec:
// Unicode 15, default ignorable code points; UTS 39.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "codec/json.h"

namespace sluice {

enum class HiddenKind : std::uint8_t { direction, zero_width, tag, selectors, control, filler };

[[nodiscard]] std::string_view hidden_text(HiddenKind kind);

struct HiddenText {
  HiddenKind kind{};
  std::uint32_t character = 0;
  std::string where;  // a JSON pointer, when a definition was looked through

  // "zero_width U+200B at /description"
  [[nodiscard]] std::string describe() const;
};

// The first in a text of UTF-8.
[[nodiscard]] std::optional<HiddenText> find_hidden_text(Bytes text);
// The first in any string of a definition, names of members included.
[[nodiscard]] std::optional<HiddenText> find_hidden_text_in(const Json& definition);

}  // namespace sluice
