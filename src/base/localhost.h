// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which names are this machine without asking anybody: localhost, and every name below it.
//
// No resolver is asked, as some do not know, and some may say otherwise. Spec: RFC 6761 6.3.

#include <cstddef>
#include <string_view>

namespace sluice {

// In any case; a dot at the end, of a name that begins at the root, is its caller's business.
[[nodiscard]] constexpr bool is_localhost(std::string_view name) {
  constexpr std::string_view localhost = "localhost";
  if (name.size() < localhost.size()) return false;
  const std::size_t above = name.size() - localhost.size();
  for (std::size_t i = 0; i < localhost.size(); ++i) {
    const char c = name[above + i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c) != localhost[i]) return false;
  }
  return above == 0 || (above > 1 && name[above - 1] == '.');
}

}  // namespace sluice
