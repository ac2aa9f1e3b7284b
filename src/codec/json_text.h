// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the JSON readers and writers of this room share below the level of values: the double of a number's
// text and the UTF-8 check. For this room only; names no message and no tree. Any thread. RFC 8259, RFC 3629.

#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace sluice {

// The double nearest to a number that obeys JSON's grammar; false when it is beyond every double (1e400).
// What is too small becomes a zero of its sign. An exponent of more than nine digits is refused whatever its
// sign and mantissa, as readers disagree about those.
[[nodiscard]] bool json_number_value(Bytes number, double& value);

// The verdict of is_utf8() at the speed of vectors.
[[nodiscard]] bool is_utf8_simd(Bytes text);

// Appends `text` with U+FFFD for every byte that belongs to no UTF-8 sequence.
void append_utf8_repaired(std::string& out, Bytes text);

// Appends the UTF-8 of a code point that is no surrogate.
void append_code_point(std::string& out, std::uint32_t code_point);

}  // namespace sluice
