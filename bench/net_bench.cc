// SPDX-License-Identifier: Apache-2.0
// Timers among very many others, and bytes through a pair of memory streams.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "net/memory_stream.h"
#include "net/reactor.h"
#include "net/timer_wheel.h"

namespace sluice {
namespace {

constexpr Instant start{std::chrono::hours(1)};
void nothing(void*) {}

struct Crowd {
  explicit Crowd(std::int64_t size) : wheel(start) {
    for (std::int64_t i = 0; i < size; ++i) {
      timers.push_back(std::make_unique<Timer>(nothing, nullptr));
      wheel.arm(*timers.back(), start + milliseconds(1 + 7919 * i % 65'000));
    }
  }
  TimerWheel wheel;
  std::vector<std::unique_ptr<Timer>> timers;
};

void timer_arm_and_cancel(benchmark::State& state) {
  Crowd crowd(state.range(0));
  Timer timer(nothing, nullptr);
  std::int64_t i = 0;
  for (auto _ : state) {
    crowd.wheel.arm(timer, start + milliseconds(1 + 7919 * ++i % 65'000));
    timer.cancel();
  }
}
BENCHMARK(timer_arm_and_cancel)->Arg(0)->Arg(100'000);

// What each request does to its connection's deadline.
void timer_move(benchmark::State& state) {
  Crowd crowd(state.range(0));
  std::size_t i = 0;
  for (auto _ : state) {
    i = (i + 1) % crowd.timers.size();
    crowd.wheel.arm(*crowd.timers[i], start + milliseconds(65'000));
  }
}
BENCHMARK(timer_move)->Arg(1'000)->Arg(100'000);

// One tick that fires nothing, while a hundred thousand timers wait.
void timer_tick(benchmark::State& state) {
  Crowd crowd(state.range(0));
  Instant now = start;
  for (auto& timer : crowd.timers) crowd.wheel.arm(*timer, start + std::chrono::hours(10'000));
  for (auto _ : state) {
    now += milliseconds(1);
    benchmark::DoNotOptimize(crowd.wheel.advance(now));
  }
}
BENCHMARK(timer_tick)->Arg(100'000);

class Sink final : public StreamHandler {
 public:
  void on_bytes(PaddedBytes bytes) override { received += bytes.size(); }
  void on_end() override {}
  void on_failed(const Error&) override {}
  std::size_t received = 0;
};

void memory_stream(benchmark::State& state) {
  const auto reactor = Reactor::simulated(Limits{}, start, WallTime());
  StreamPair pair = make_stream_pair(*reactor);
  Sink sink;
  pair.far->set_handler(&sink);
  const std::string bytes(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto _ : state) {
    pair.near->write(bytes);
    while (reactor->turn()) {}
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(sink.received));
}
BENCHMARK(memory_stream)->Arg(256)->Arg(16'384);

}  // namespace
}  // namespace sluice
