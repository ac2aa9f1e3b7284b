// SPDX-License-Identifier: Apache-2.0
#pragma once
// LogHistogram: counts of durations in log-linear buckets, for percentiles within 1/64 of the truth.
//
// For benchmarks and for pages that show p99: fixed memory (about 29 KB), any duration from 1 ns to 2^63 ns.
// Knows no clock and no unit but nanoseconds. One thread; histograms of several are merged.

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace sluice {

class LogHistogram {
 public:
  void record(Duration duration, std::uint64_t times = 1);
  void merge(const LogHistogram& other);
  void clear() { *this = LogHistogram(); }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] Duration max() const { return Duration(static_cast<std::int64_t>(max_)); }
  [[nodiscard]] Duration mean() const;
  // The smallest recorded duration, up to the bucket's width, that `percent` (0 to 100) of all are not above;
  // 0 when empty.
  [[nodiscard]] Duration percentile(double percent) const;

 private:
  // Values below 64 have a bucket each; above, every power of two is cut into 64.
  static constexpr unsigned sub_bits = 6;
  static constexpr std::size_t buckets = (63 - sub_bits + 1) << sub_bits;
  static std::size_t bucket_of(std::uint64_t value);
  static std::uint64_t last_of(std::size_t bucket);

  std::array<std::uint64_t, buckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace sluice
