// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a run of `sluice bench` found, and how it is told: a table for people or one line of JSON for scripts.
// A value and two pure functions.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "apps/bench.h"
#include "apps/bench_usage.h"
#include "base/time.h"
#include "observe/log_histogram.h"

namespace sluice {

struct BenchReport {
  LogHistogram latency;       // of requests that were due in the window, from when they were due
  LogHistogram lateness;      // of the same: from when they were due until they were sent
  std::uint64_t answers = 0;  // that came in the window
  Duration window{};
  std::map<std::string, std::uint64_t> errors;  // by kind
  std::uint64_t reconnects = 0;
  std::vector<ProcessUsage> usage;  // of the window; empty without --pid

  [[nodiscard]] std::uint64_t error_count() const;
};

[[nodiscard]] std::string report_as_text(const BenchOptions& options, const BenchReport& report);
[[nodiscard]] std::string report_as_json(const BenchOptions& options, const BenchReport& report);

}  // namespace sluice
