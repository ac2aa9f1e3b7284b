// SPDX-License-Identifier: Apache-2.0
#pragma once
// Times as text, as logs and protocols write them: RFC 3339 (a profile of ISO 8601), UTC, with milliseconds.
//
// Reads no clock. Any thread.

#include <string>

#include "base/time.h"

namespace sluice {

// "2026-07-28T12:00:00.000Z"; years outside 0 to 9999 are clamped.
void append_rfc3339(std::string& out, WallTime time);
[[nodiscard]] std::string rfc3339(WallTime time);

}  // namespace sluice
