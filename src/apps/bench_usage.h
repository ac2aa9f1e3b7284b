// SPDX-License-Identifier: Apache-2.0
#pragma once
// How much processor a process and its descendants have used, as /proc tells it (Linux).
//
// Counted in ticks of 10 ms: measure for seconds. Descendants are told apart, so that what a gateway's
// children burn is not taken for the gateway's own. Any thread; blocks for microseconds.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace sluice {

struct ProcessUsage {
  std::int64_t pid = 0;
  std::string name;  // as the kernel keeps it, cut at 15 bytes
  Duration user{};
  Duration system{};
};

// The process first, then its descendants. Those that cannot be read any more are left out.
[[nodiscard]] Result<std::vector<ProcessUsage>> read_process_usage(std::int64_t pid);

// What was used from `before` to `after`. A process that is new in `after` counts from its birth.
[[nodiscard]] std::vector<ProcessUsage> usage_between(const std::vector<ProcessUsage>& before,
                                                      const std::vector<ProcessUsage>& after);

// The part of a /proc/PID/stat text that is wanted.
[[nodiscard]] Result<ProcessUsage> parse_process_stat(const std::string& text);

}  // namespace sluice
