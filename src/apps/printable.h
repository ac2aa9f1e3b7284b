// SPDX-License-Identifier: Apache-2.0
#pragma once
// What others wrote, as it may be shown at a terminal: nothing in it moves the cursor, clears a line or sets
// a title, so that a server cannot paint over what we ask or say.
//
// Knows characters, and no terminal. Pure, any thread. Spec: ECMA-48 (C0 and C1 controls).

#include <string>

#include "base/bytes.h"

namespace sluice {

// `many` keeps line ends and tabs.
enum class TextLines { one, many };

// The text with every control character (and every byte that is no UTF-8) as U+FFFD.
[[nodiscard]] std::string printable(Bytes text, TextLines lines);

}  // namespace sluice
