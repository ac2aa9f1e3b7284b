// SPDX-License-Identifier: Apache-2.0
// Seeded simulation of clients, gateway and upstreams. SLUICE_SIM_SEED=N replays one run, SLUICE_SIM_RUNS=N
// says how many there are.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include "sim/simulation.h"

namespace sluice::sim {
namespace {

constexpr std::uint64_t first_seed = 1;
constexpr std::uint64_t runs_by_default = 300;

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing else runs
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// What a failing run says: the seed that replays it, what broke and how it came to that.
std::string story_of(std::uint64_t seed, const RunReport& report) {
  std::string story = report.tail + "\nSLUICE_SIM_SEED=" + std::to_string(seed) + "\n";
  for (const std::string& failure : report.failures) story += failure + "\n";
  return story;
}

TEST(SimulationTest, KeepsEveryRuleInEveryRun) {
  const std::uint64_t only = number_from("SLUICE_SIM_SEED", 0);
  const std::uint64_t runs = only != 0 ? 1 : number_from("SLUICE_SIM_RUNS", runs_by_default);
  const std::uint64_t first = only != 0 ? only : first_seed;
  std::size_t calls = 0;
  std::size_t retries = 0;
  std::size_t batches = 0;
  std::size_t broken = 0;
  for (std::uint64_t seed = first; seed < first + runs; ++seed) {
    const RunReport report = run_simulation(seed);
    calls += report.calls_run;
    retries += report.retries_run;
    batches += report.batches;
    if (report.failures.empty()) continue;
    if (++broken <= 3) ADD_FAILURE() << story_of(seed, report);
  }
  if (broken != 0) ADD_FAILURE() << broken << " of " << runs << " runs broke a rule";
  if (only != 0) return;
  // Runs that are too idle say nothing.
  EXPECT_GT(calls, runs * 10);
  EXPECT_GT(retries, runs / 2);
  EXPECT_GT(batches, runs / 2);
}

TEST(SimulationTest, ReplaysARunBySeed) {
  for (std::uint64_t seed = first_seed; seed < first_seed + 10; ++seed)
    EXPECT_EQ(run_simulation(seed).hash, run_simulation(seed).hash) << "SLUICE_SIM_SEED=" << seed;
  EXPECT_NE(run_simulation(1).hash, run_simulation(2).hash);
}

}  // namespace
}  // namespace sluice::sim
