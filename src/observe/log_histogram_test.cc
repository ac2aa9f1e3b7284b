// SPDX-License-Identifier: Apache-2.0
#include "observe/log_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/random.h"

namespace sluice {
namespace {

TEST(LogHistogram, IsZeroWhileEmpty) {
  const LogHistogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.percentile(99), Duration(0));
  EXPECT_EQ(histogram.mean(), Duration(0));
}

TEST(LogHistogram, IsExactBelow64) {
  LogHistogram histogram;
  for (int i = 1; i <= 50; ++i) histogram.record(Duration(i));
  EXPECT_EQ(histogram.percentile(0), Duration(1));
  EXPECT_EQ(histogram.percentile(50), Duration(25));
  EXPECT_EQ(histogram.percentile(98), Duration(49));
  EXPECT_EQ(histogram.percentile(100), Duration(50));
  EXPECT_EQ(histogram.max(), Duration(50));
  EXPECT_EQ(histogram.mean(), Duration(25));
}

TEST(LogHistogram, IsWithinOnePartIn64OfTheTruth) {
  Random random(3);
  LogHistogram histogram;
  std::vector<std::int64_t> all;
  for (int i = 0; i < 20'000; ++i) {
    const auto value = static_cast<std::int64_t>(random.next() >> (1 + random.below(60)));
    all.push_back(value);
    histogram.record(Duration(value));
  }
  std::sort(all.begin(), all.end());
  for (const double percent : {1.0, 10.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * static_cast<double>(all.size())));
    const auto truth = static_cast<double>(all[rank - 1]);
    const auto seen = static_cast<double>(histogram.percentile(percent).count());
    EXPECT_GE(seen, truth);
    EXPECT_LE(seen, truth * (1 + 1.0 / 64));
  }
}

TEST(LogHistogram, TakesTheSmallestAndTheLargest) {
  LogHistogram histogram;
  histogram.record(Duration(-5));
  histogram.record(Duration::max());
  EXPECT_EQ(histogram.percentile(50), Duration(0));
  EXPECT_EQ(histogram.percentile(100), Duration::max());
}

TEST(LogHistogram, MergesAndCountsSeveralAtOnce) {
  LogHistogram first;
  LogHistogram second;
  first.record(Duration(10), 99);
  second.record(Duration(1'000'000));
  first.merge(second);
  EXPECT_EQ(first.count(), 100U);
  EXPECT_EQ(first.percentile(99), Duration(10));
  EXPECT_EQ(first.max(), Duration(1'000'000));
  first.clear();
  EXPECT_EQ(first.count(), 0U);
}

}  // namespace
}  // namespace sluice
