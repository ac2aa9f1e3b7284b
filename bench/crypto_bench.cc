// SPDX-License-Identifier: Apache-2.0
// Seals: what a legacy request pays to have its session id opened, and a question to have its state sealed.

#include <benchmark/benchmark.h>

#include <string>

#include "base/check.h"
#include "crypto/seal.h"
#include "mcp/session_id.h"

namespace sluice {
namespace {

Sealer make_sealer() {
  KeyRing ring;
  CHECK(ring.add(1, std::string(seal_key_bytes, 'k')).ok());
  return Sealer(std::move(ring), SealOrigin{1, 2}, Sealer::Salt{});
}

const Principal somebody{"alice"};

void session_id_open(benchmark::State& state) {
  SessionIds ids(make_sealer());
  const std::string id = ids.mint(0, SessionRandom{}, somebody, WallTime());
  for (auto _ : state)
    if (!ids.open(id, somebody)) state.SkipWithError("the id does not open");
}
BENCHMARK(session_id_open);

void session_id_mint(benchmark::State& state) {
  SessionIds ids(make_sealer());
  for (auto _ : state) benchmark::DoNotOptimize(ids.mint(0, SessionRandom{}, somebody, WallTime()));
}
BENCHMARK(session_id_mint);

void seal(benchmark::State& state) {
  Sealer sealer = make_sealer();
  const std::string text(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto _ : state) benchmark::DoNotOptimize(sealer.seal("bench", text));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(seal)->Arg(64)->Arg(1024)->Arg(65536);

void unseal(benchmark::State& state) {
  Sealer sealer = make_sealer();
  const std::string sealed = sealer.seal("bench", std::string(static_cast<std::size_t>(state.range(0)), 'x'));
  for (auto _ : state)
    if (!sealer.open("bench", sealed)) state.SkipWithError("the seal does not open");
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(unseal)->Arg(64)->Arg(1024)->Arg(65536);

}  // namespace
}  // namespace sluice
