// SPDX-License-Identifier: Apache-2.0
#include "net/memory.h"

#include <malloc.h>

namespace sluice {

void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int trim_bytes = 64 * 1024 * 1024;  // free at the heap's end before it is returned all the same
  constexpr int map_bytes = 1024 * 1024;  // a block of this size comes from the system and goes back to it
  mallopt(M_TRIM_THRESHOLD, trim_bytes);
  mallopt(M_MMAP_THRESHOLD, map_bytes);
#endif
}

void return_free_memory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace sluice
