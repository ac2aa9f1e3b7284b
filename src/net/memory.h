// SPDX-License-Identifier: Apache-2.0
#pragma once
// Giving memory back: what the allocator keeps after a burst goes to the operating system.
//
// Walks the whole heap, which takes milliseconds when it is large: for quiet moments, never on the path of a
// call. Any thread.

namespace sluice {

// Returns free pages where the C library can (glibc), and does nothing elsewhere.
void return_free_memory();

}  // namespace sluice
