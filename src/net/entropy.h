// SPDX-License-Identifier: Apache-2.0
#pragma once
// Entropy: the one place where unpredictable bytes are drawn. Others are given them. Any thread.

#include <cstddef>
#include <span>

namespace sluice {

// Fills `out` from the kernel's generator; aborts when there is none, since nothing safe can be done without.
void entropy(std::span<std::byte> out);

}  // namespace sluice
