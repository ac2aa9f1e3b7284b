// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which header fields a configuration may not lay on requests to an upstream. Pure, any thread.

#include "base/bytes.h"

namespace sluice {

// Whether a request has this field by itself, or is framed by it: a second one would contradict it.
[[nodiscard]] bool is_field_of_ours(Bytes name);

}  // namespace sluice
