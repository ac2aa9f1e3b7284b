// SPDX-License-Identifier: Apache-2.0
#include "apps/standard_input.h"

#include <array>
#include <cstdio>

namespace sluice {

std::optional<std::string> read_standard_input(std::size_t bytes_max) {
  std::string text;
  std::array<char, 64UL * 1024> piece;
  for (;;) {
    const std::size_t size = std::fread(piece.data(), 1, piece.size(), stdin);
    if (size == 0) return text;
    if (text.size() + size > bytes_max) return std::nullopt;
    text.append(piece.data(), size);
  }
}

int refuse_input(const std::string& reason) {
  std::fprintf(stderr, "refused: %s\n", reason.c_str());
  return 1;
}

}  // namespace sluice
