// SPDX-License-Identifier: Apache-2.0
#pragma once
// `sluice bench`: asks one MCP server the same question over and over and tells how long the answers took.
//
// Closed loop: each connection asks again when it was answered, so it measures what the server can do. Open
// loop (a rate): requests are due at fixed times whatever the server does, and latency counts from the time
// a request was due, also while it waits for a free connection; nothing is omitted when the server stalls.
// Every answer is checked. Ids are unique in the whole run. One thread.

#include <cstdint>

#include "apps/bench_message.h"
#include "base/limits.h"

namespace sluice {

struct BenchOptions {
  BenchCall call;
  std::size_t connections = 1;
  double rate = 0;  // requests a second over all connections; 0: closed loop
  double duration_seconds = 10;
  double warmup_seconds = 1;
  double timeout_seconds = 30;
  std::int64_t pid = 0;  // the process under test; 0: none
  bool spin = false;     // poll without sleeping: no timer's millisecond in the latency, one core burnt
  bool json = false;
};

// The whole of `sluice bench`; returns the process's exit code: 0, 1 when an answer was not as it should be,
// 2 when nothing could be measured.
int run_bench(const BenchOptions& options);

}  // namespace sluice
