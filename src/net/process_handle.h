// SPDX-License-Identifier: Apache-2.0
#pragma once
// How a reactor that ends lets go of processes that still run. For the sources of this room alone.

#include <uv.h>

namespace sluice {

// Closes the handle of a Process that was destroyed while its process runs on.
void abandon_process(uv_handle_t* handle);

}  // namespace sluice
