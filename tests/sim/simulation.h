// SPDX-License-Identifier: Apache-2.0
#pragma once
// One simulated run: clients, a real Gateway and upstreams in one process, on a clock that is moved.

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::sim {

struct RunReport {
  std::uint64_t hash = 0;             // of everything that happened
  std::vector<std::string> failures;  // rules that were broken, the first few
  std::string tail;                   // the last lines of the transcript
  std::size_t calls_run = 0;          // that upstreams were given
  std::size_t retries_run = 0;        // of them, with the answer to a modern question
  std::size_t batches = 0;            // that were answered
};

// Everything is drawn from `seed`: the same seed gives the same run.
RunReport run_simulation(std::uint64_t seed);

}  // namespace sluice::sim
