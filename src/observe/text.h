// SPDX-License-Identifier: Apache-2.0
#pragma once
// Text from strangers made fit for a log line or a label: well-formed UTF-8, cut between characters.
//
// For the renderings of this room only; it has its own UTF-8 walk because `observe` may not see `codec`. Any
// thread.

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice {

// The length of the well-formed UTF-8 character (RFC 3629) at the start of `text`, 0 when there is none.
[[nodiscard]] std::size_t utf8_character_bytes(std::string_view text);

// Appends `text` to `out`, each byte that is not part of a well-formed character as U+FFFD. Of `text` itself
// at most `bytes_max` bytes, cut between characters.
void append_well_formed(std::string& out, std::string_view text, std::size_t bytes_max);

// Appends `text` as the inside of a JSON string, made well-formed, as long as what is appended has at most
// `room` bytes. False when it was cut.
bool append_json_escaped(std::string& out, std::string_view text, std::size_t room);

}  // namespace sluice
