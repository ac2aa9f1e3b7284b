// SPDX-License-Identifier: Apache-2.0
#pragma once
// Standard input as one text, for the small programs that judge what they are given there. Blocks.

#include <cstddef>
#include <optional>
#include <string>

namespace sluice {

// Everything up to the end of the input; nothing when that is more than `bytes_max`.
[[nodiscard]] std::optional<std::string> read_standard_input(std::size_t bytes_max);

// Prints the reason and returns the exit code that says `refused`.
int refuse_input(const std::string& reason);

}  // namespace sluice
