// SPDX-License-Identifier: Apache-2.0
#pragma once
// feed_every_split: proves that a reader does not care where its input was cut.
//
// It gives the same input whole, in two pieces at every possible place, and byte at a time to a lambda that
// runs a fresh reader over the pieces and returns what came out, and demands the same outcome every time.
// Each piece is an allocation of exactly its own size, freed before the next one comes, so AddressSanitizer
// sees any read beyond a piece and any view kept too long. It knows nothing of the reader.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace sluice::test {

// One way of cutting an input: the lengths of its pieces, in order.
using Cuts = std::vector<std::size_t>;

// Hands the pieces of `input` to `take(Bytes piece, bool last)`, each in an allocation of its own. The bytes
// of a piece are gone when `take` returns.
template <class Take>
void feed_pieces(Bytes input, const Cuts& cuts, Take&& take) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    const std::unique_ptr<char[]> piece(new char[cuts[i]]);
    if (cuts[i] != 0) std::memcpy(piece.get(), input.data() + at, cuts[i]);
    at += cuts[i];
    take(Bytes(piece.get(), cuts[i]), i + 1 == cuts.size());
  }
}

// Runs `run(const Cuts& cuts)` for every way of cutting and demands results equal (==, streamable to gtest)
// to those of the whole input; returns that result. `run` starts a fresh reader and calls feed_pieces(input,
// cuts, …).
//
//   const auto events = feed_every_split(input, [&](const Cuts& cuts) {
//     Trace trace;
//     feed_pieces(input, cuts, [&](Bytes piece, bool) { trace.feed(piece); });
//     return trace.text();
//   });
template <class Run>
auto feed_every_split(Bytes input, Run&& run) {
  const auto whole = run(Cuts{input.size()});
  for (std::size_t cut = 1; cut < input.size(); ++cut) {
    const auto result = run(Cuts{cut, input.size() - cut});
    EXPECT_EQ(whole, result) << "cut after byte " << cut << " of " << input.size();
    if (result != whole) return whole;  // One example says it; the rest would drown it.
  }
  const auto bytewise = run(Cuts(input.size(), 1));
  EXPECT_EQ(whole, bytewise) << "one byte at a time, " << input.size() << " bytes";
  return whole;
}

}  // namespace sluice::test
