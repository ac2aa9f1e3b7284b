// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the allocator keeps, and when the operating system gets it back.
//
// By itself the C library returns memory whenever the end of the heap is free and asks for it again with the
// next large message, which costs a page fault for every 4 KB. A process that carries messages keeps it while
// there is work, and gives it back when it is quiet.

namespace sluice {

// Keeps freed memory until return_free_memory() is called. Once, before other threads run.
void keep_freed_memory();

// Walks the whole heap, which takes milliseconds when it is large: for quiet moments, never on the path of a
// call. Any thread. Returns free pages where the C library can (glibc), and does nothing elsewhere.
void return_free_memory();

}  // namespace sluice
