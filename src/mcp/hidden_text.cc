// SPDX-License-Identifier: Apache-2.0
#include "mcp/hidden_text.h"

#include <array>
#include <vector>

namespace sluice {

namespace {

struct Range {
  std::uint32_t first;
  std::uint32_t last;
  HiddenKind kind;
};
constexpr std::array ranges{
    Range{0x00, 0x08, HiddenKind::control},        Range{0x0B, 0x0C, HiddenKind::control},
    Range{0x0E, 0x1F, HiddenKind::control},        Range{0x7F, 0x9F, HiddenKind::control},
    Range{0xAD, 0xAD, HiddenKind::zero_width},     Range{0x34F, 0x34F, HiddenKind::zero_width},
    Range{0x61C, 0x61C, HiddenKind::direction},    Range{0x115F, 0x1160, HiddenKind::filler},
    Range{0x17B4, 0x17B5, HiddenKind::zero_width}, Range{0x180B, 0x180D, HiddenKind::selectors},
    Range{0x180E, 0x180E, HiddenKind::zero_width}, Range{0x200B, 0x200D, HiddenKind::zero_width},
    Range{0x200E, 0x200F, HiddenKind::direction},  Range{0x2028, 0x2029, HiddenKind::control},
    Range{0x202A, 0x202E, HiddenKind::direction},  Range{0x2060, 0x2065, HiddenKind::zero_width},
    Range{0x2066, 0x2069, HiddenKind::direction},  Range{0x206A, 0x206F, HiddenKind::control},
    Range{0x3164, 0x3164, HiddenKind::filler},     Range{0xFE00, 0xFE0F, HiddenKind::selectors},
    Range{0xFEFF, 0xFEFF, HiddenKind::zero_width}, Range{0xFFA0, 0xFFA0, HiddenKind::filler},
    Range{0xFFF9, 0xFFFB, HiddenKind::control},    Range{0x1D173, 0x1D17A, HiddenKind::control},
    Range{0xE0000, 0xE007F, HiddenKind::tag},      Range{0xE0100, 0xE01EF, HiddenKind::selectors},
};
constexpr std::uint32_t zwnj = 0x200C;
constexpr std::uint32_t zwj = 0x200D;

std::optional<HiddenKind> kind_of(std::uint32_t c) {
  for (const Range& range : ranges)
    if (c >= range.first && c <= range.last) return range.kind;
  return std::nullopt;
}

bool is_selector(std::uint32_t c) { return kind_of(c) == HiddenKind::selectors; }

// Pictures, and what stands between them.
bool is_picture(std::uint32_t c) {
  return (c >= 0x2190 && c <= 0x2BFF) || (c >= 0x1F000 && c <= 0x1FAFF) || is_selector(c);
}

// Arabic to Sinhala: scripts in which joiners shape letters.
bool is_joined_script(std::uint32_t c) { return c >= 0x600 && c <= 0xDFF; }

bool joins(std::uint32_t before, std::uint32_t joiner, std::uint32_t after) {
  if (is_joined_script(before) && is_joined_script(after)) return true;
  return joiner == zwj && is_picture(before) && is_picture(after);
}

std::vector<std::uint32_t> characters_of(Bytes text) {
  std::vector<std::uint32_t> characters;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    std::uint32_t c = lead < 0x80   ? lead
                      : lead < 0xE0 ? lead & 0x1FU
                      : lead < 0xF0 ? lead & 0x0FU
                                    : lead & 0x07U;
    for (; i < text.size() && (static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80U; ++i)
      c = c << 6 | (static_cast<unsigned char>(text[i]) & 0x3FU);
    characters.push_back(c);
  }
  return characters;
}

std::optional<HiddenText> find_at(const Json& value, const std::string& where) {
  if (const std::string* text = value.as_string()) {
    auto found = find_hidden_text(*text);
    if (found) found->where = where;
    return found;
  }
  for (std::size_t i = 0; i < value.items().size(); ++i)
    if (auto found = find_at(value.items()[i], where + "/" + std::to_string(i))) return found;
  for (const JsonMember& member : value.members()) {
    auto found = find_hidden_text(member.name);
    if (found) found->where = where;
    if (!found) found = find_at(member.value, where + "/" + member.name);
    if (found) return found;
  }
  return std::nullopt;
}

}  // namespace

std::string_view hidden_text(HiddenKind kind) {
  switch (kind) {
    case HiddenKind::direction: return "direction";
    case HiddenKind::zero_width: return "zero_width";
    case HiddenKind::tag: return "tag";
    case HiddenKind::selectors: return "selectors";
    case HiddenKind::control: return "control";
    case HiddenKind::filler: break;
  }
  return "filler";
}

std::string HiddenText::describe() const {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string digits;
  for (std::uint32_t rest = character; rest != 0 || digits.size() < 4; rest >>= 4)
    digits.insert(digits.begin(), hex[rest & 15U]);
  return std::string(hidden_text(kind)) + " U+" + digits + (where.empty() ? "" : " at " + where);
}

std::optional<HiddenText> find_hidden_text(Bytes text) {
  const std::vector<std::uint32_t> all = characters_of(text);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto kind = kind_of(all[i]);
    if (!kind) continue;
    const std::uint32_t before = i == 0 ? 0 : all[i - 1];
    const std::uint32_t after = i + 1 == all.size() ? 0 : all[i + 1];
    if ((all[i] == zwj || all[i] == zwnj) && joins(before, all[i], after)) continue;
    // One selector chooses how the character before it looks; a second one has nothing to choose.
    if (kind == HiddenKind::selectors && before > 0x20 && !is_selector(before)) continue;
    return HiddenText{*kind, all[i], {}};
  }
  return std::nullopt;
}

std::optional<HiddenText> find_hidden_text_in(const Json& definition) { return find_at(definition, ""); }

}  // namespace sluice
