// SPDX-License-Identifier: Apache-2.0
#pragma once
// The revisions of MCP and the two eras they fall into.
//
// Legacy is everything with an `initialize` handshake, up to 2025-11-25; modern is 2026-07-28, where each
// request carries its own metadata. Everybody else asks here; nobody compares date strings. Pure, any thread.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice {

enum class Era : std::uint8_t { legacy, modern };

// In order of age, so that `<` means older.
enum class Revision : std::uint8_t { r2024_11_05, r2025_03_26, r2025_06_18, r2025_11_25, r2026_07_28 };

inline constexpr std::array all_revisions{Revision::r2024_11_05, Revision::r2025_03_26, Revision::r2025_06_18,
                                          Revision::r2025_11_25, Revision::r2026_07_28};
inline constexpr Revision latest_legacy = Revision::r2025_11_25;
inline constexpr Revision latest_modern = Revision::r2026_07_28;

[[nodiscard]] constexpr std::string_view revision_text(Revision revision) {
  constexpr std::array<std::string_view, 5> texts{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25",
                                                  "2026-07-28"};
  return texts[static_cast<std::size_t>(revision)];
}

// Exactly the text of a revision we speak; nothing for anything else.
[[nodiscard]] constexpr std::optional<Revision> parse_revision(std::string_view text) {
  for (const Revision revision : all_revisions)
    if (revision_text(revision) == text) return revision;
  return std::nullopt;
}

[[nodiscard]] constexpr Era era_of(Revision revision) {
  return revision >= Revision::r2026_07_28 ? Era::modern : Era::legacy;
}

// What a server answers to `initialize`: the version asked for if it is a legacy one, else our latest legacy
// one.
[[nodiscard]] constexpr Revision negotiate_legacy(std::string_view asked) {
  const auto revision = parse_revision(asked);
  return revision && era_of(*revision) == Era::legacy ? *revision : latest_legacy;
}

}  // namespace sluice
