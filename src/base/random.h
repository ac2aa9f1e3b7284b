// SPDX-License-Identifier: Apache-2.0
#pragma once
// A small seeded generator (SplitMix64) for jitter, simulations and tests.
//
// Never for secrets: those come from entropy that `net` draws. The same seed gives the same numbers
// everywhere.

#include <cstdint>

namespace sluice {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }

  // Uniform in [0, bound); 0 when bound is 0. The bias of the modulo is below 2^-32 for bounds up to 2^32.
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }

  // True once in `n` times on average.
  bool one_in(std::uint64_t n) { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

}  // namespace sluice
