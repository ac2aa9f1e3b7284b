// SPDX-License-Identifier: Apache-2.0
#pragma once
// What everybody in one simulated run shares: the reactor, the dice, the transcript, and what upstreams saw.
//
// Everything of a run is drawn from its seed. A marker ("c2.g1.n7": client, its session, its call) rides in
// each call and in everything an upstream says about it, so that whoever gets a message can tell whose it is.

#include <map>
#include <string>

#include "base/random.h"
#include "net/memory_stream.h"
#include "net/reactor.h"
#include "sim/transcript.h"

namespace sluice::sim {

struct World {
  World(Reactor& r, std::uint64_t seed) : reactor(r), random(seed), transcript(r) {}

  bool chance(unsigned percent) { return random.below(100) < percent; }
  milliseconds up_to(std::uint64_t ms) { return milliseconds(random.below(ms + 1)); }

  // A pair of streams as the network of this run makes them.
  StreamPair connect() {
    MemoryStreamOptions options;
    if (chance(70)) options.latency = std::chrono::microseconds(random.below(20'000));
    if (chance(30)) options.capacity_bytes = 1 + random.below(16 * 1024);
    if (chance(40)) {
      options.chunk_bytes_max = 1 + random.below(600);
      options.split_seed = 1 + random.below(1'000'000);
    }
    return make_stream_pair(reactor, options);
  }

  Reactor& reactor;
  Random random;
  Transcript transcript;
  std::map<std::string, int> seen;  // how often an upstream was given the call of this marker
  std::size_t batches = 0;          // that were answered
  bool faults = true;               // off once the run is ending
  bool tight = false;               // the byte budget is so small that connections may be closed for it
};

}  // namespace sluice::sim
