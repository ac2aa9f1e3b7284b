// SPDX-License-Identifier: Apache-2.0
#pragma once
// The process's own stdin and stdout as one Stream, for servers that are launched by their client.
//
// The real descriptors are kept for the stream; from then on descriptor 1 is stderr, so that a stray print
// cannot corrupt the stream, and descriptor 0 is empty. Pipes, sockets, terminals and plain files work. Lives
// on one reactor.

#include "base/result.h"
#include "net/reactor.h"
#include "net/stream.h"

namespace sluice {

// May be taken once a process.
Result<StreamPtr> stdio_stream(Reactor& reactor);

}  // namespace sluice
