// SPDX-License-Identifier: Apache-2.0
#include "observe/log_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace sluice {

std::size_t LogHistogram::bucket_of(std::uint64_t value) {
  if (value < (1U << sub_bits)) return static_cast<std::size_t>(value);
  const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - sub_bits;
  const std::uint64_t within = (value >> shift) & ((1U << sub_bits) - 1);
  return ((static_cast<std::size_t>(shift) + 1) << sub_bits) + static_cast<std::size_t>(within);
}

std::uint64_t LogHistogram::last_of(std::size_t bucket) {
  if (bucket < (1U << sub_bits)) return bucket;
  const std::size_t shift = (bucket >> sub_bits) - 1;
  const std::uint64_t within = bucket & ((1U << sub_bits) - 1);
  const std::uint64_t first = ((std::uint64_t{1} << sub_bits) + within) << shift;
  return first + ((std::uint64_t{1} << shift) - 1);
}

void LogHistogram::record(Duration duration, std::uint64_t times) {
  if (times == 0) return;
  const auto value = static_cast<std::uint64_t>(std::max<Duration::rep>(duration.count(), 0));
  counts_[bucket_of(value)] += times;
  count_ += times;
  sum_ += value * times;
  max_ = std::max(max_, value);
}

void LogHistogram::merge(const LogHistogram& other) {
  for (std::size_t i = 0; i < buckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

Duration LogHistogram::mean() const {
  return count_ == 0 ? Duration(0) : Duration(static_cast<std::int64_t>(sum_ / count_));
}

Duration LogHistogram::percentile(double percent) const {
  if (count_ == 0) return Duration(0);
  const double share = std::clamp(percent, 0.0, 100.0) / 100.0;
  const double exact = std::ceil(share * static_cast<double>(count_));
  const std::uint64_t rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(exact), 1, count_);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets; ++i) {
    seen += counts_[i];
    if (seen >= rank) return Duration(static_cast<std::int64_t>(std::min(last_of(i), max_)));
  }
  return max();
}

}  // namespace sluice
