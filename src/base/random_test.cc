// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <gtest/gtest.h>

#include <array>

namespace sluice {
namespace {

TEST(Random, GivesThePublishedSplitMix64Sequence) {
  Random random(1'234'567);
  EXPECT_EQ(random.next(), 6457827717110365317ULL);
  EXPECT_EQ(random.next(), 3203168211198807973ULL);
  EXPECT_EQ(random.next(), 9817491932198370423ULL);
}

TEST(Random, TheSameSeedGivesTheSameNumbersAndAnotherDoesNot) {
  Random one(42);
  Random same(42);
  Random other(43);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t number = one.next();
    EXPECT_EQ(number, same.next());
    differs = differs || number != other.next();
  }
  EXPECT_TRUE(differs);
}

TEST(Random, StaysBelowItsBoundAndReachesEveryValue) {
  Random random(7);
  std::array<int, 10> seen{};
  for (int i = 0; i < 10'000; ++i) ++seen.at(random.below(10));
  for (const int count : seen) {
    EXPECT_GT(count, 850);
    EXPECT_LT(count, 1'150);
  }
  EXPECT_EQ(random.below(0), 0U);
  EXPECT_EQ(random.below(1), 0U);
}

TEST(Random, IsTrueOneTimeInSoMany) {
  Random random(9);
  int hits = 0;
  for (int i = 0; i < 10'000; ++i) hits += random.one_in(4) ? 1 : 0;
  EXPECT_GT(hits, 2'300);
  EXPECT_LT(hits, 2'700);
}

}  // namespace
}  // namespace sluice
