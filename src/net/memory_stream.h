// SPDX-License-Identifier: Apache-2.0
#pragma once
// Two streams joined in memory, for tests and simulations, with the whole contract of net/stream.h.
//
// Latency, splitting and capacity are chosen; failures can be injected. Under a simulated reactor everything
// is deterministic: the same seed and the same calls give the same callbacks. Both ends live on one reactor.

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/time.h"
#include "net/reactor.h"
#include "net/stream.h"

namespace sluice {

struct MemoryStreamOptions {
  Duration latency{};                      // from flush to arrival; 0: the reader's next turn
  std::size_t capacity_bytes = 64 * 1024;  // sent and not yet read, each way; the rest stays unsent
  std::size_t chunk_bytes_max = 0;  // bytes of one on_bytes(); 0: what is there, up to turn_read_bytes_max
  std::uint64_t split_seed = 0;     // not 0: chunks of 1 to chunk_bytes_max bytes drawn with this seed
};

struct StreamPair {
  StreamPtr near;
  StreamPtr far;
};

// Bytes written to one come out of the other.
StreamPair make_stream_pair(Reactor& reactor, const MemoryStreamOptions& options = {});

// Breaks a stream of a pair as a reset would: both ends get on_failed(), what was under way is lost.
void break_stream(Stream& stream);

}  // namespace sluice
