// SPDX-License-Identifier: Apache-2.0
#pragma once
// CHECK and DCHECK: a broken one is a bug in Sluice, never a peer's doing.
//
// CHECK is on in every build and aborts with the place and the condition; DCHECK only where NDEBUG is absent.
// Peer misbehaviour and operating failures never end here: they are events and `Result`s. Any thread.

namespace sluice {

// Prints the place and the condition to stderr and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* condition);

}  // namespace sluice

#define CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::sluice::check_failed(__FILE__, __LINE__, #condition))

#ifdef NDEBUG
#define DCHECK(condition) static_cast<void>(sizeof(condition))
#else
#define DCHECK(condition) CHECK(condition)
#endif
