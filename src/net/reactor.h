// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reactor: one loop on one thread that owns everything it touches.
//
// A turn is: read what is ready, fire timers, run deferred work, flush what was written. It measures its
// turns and a watchdog reports a stall. Two kinds: the real one runs libuv; a simulated one has no
// descriptors and a clock that the test moves, and runs the same timers, deferrals and in-memory streams. All
// verbs but post() belong to its thread. Streams, listeners and children must be gone before their reactor.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/budget.h"
#include "base/limits.h"
#include "base/result.h"
#include "base/time.h"
#include "net/timer_wheel.h"

struct uv_loop_s;

namespace sluice {

class WorkerPool;

// Durations of turns, from waking up to going back to sleep: counts below 1, 10, 100, 1000 ms and above.
struct TurnHistogram {
  std::array<std::uint64_t, 5> counts{};
  Duration longest{};
  std::uint64_t turns = 0;
};

class Reactor final : public Clock {
 public:
  // A real reactor; `limits` is copied. The process ignores SIGPIPE from then on.
  static Result<std::unique_ptr<Reactor>> open(const Limits& limits);
  // A simulated one that starts at `start`; wall time is `wall` plus what passed.
  static std::unique_ptr<Reactor> simulated(const Limits& limits, Instant start, WallTime wall);
  ~Reactor() override;

  // Turns until stop(). For real reactors.
  void run();
  // Makes run() return at the end of this turn; called before run(), that one returns after its first turn.
  void stop();
  // One turn of what is due, without waiting. True when anything was done. Both kinds (tests).
  bool turn();
  // Moves a simulated clock forward, firing timers in order with a turn after each.
  void advance(Duration by);

  [[nodiscard]] Instant now() const override { return now_; }  // as of this turn's start
  [[nodiscard]] WallTime wall() const override;
  // A fresh reading of the monotonic clock, for measuring within a turn.
  [[nodiscard]] Instant precise_now() const;

  // Fires `timer` once at `deadline` (to the wheel's tick of 1 ms, never early). Re-arming moves it.
  void arm(Timer& timer, Instant deadline) { wheel_.arm(timer, deadline); }
  void arm_after(Timer& timer, Duration delay);

  // Runs `work` at the end of this turn, after reads and timers, before the flush. What deferred work defers
  // runs in the next turn, which then comes without waiting.
  void defer(std::function<void()> work);
  // Runs `work` on the reactor's thread. The only verb for any thread. False when
  // limits.net.deferred_jobs_max are waiting, and once the reactor is ending; then `work` is dropped.
  bool post(std::function<void()> work);

  [[nodiscard]] Budget& budget() { return budget_; }
  [[nodiscard]] const Limits& limits() const { return limits_; }
  // Others from now on, as a configuration says: for what is built after this, and for the budget at once.
  void set_limits(const Limits& limits);
  // Threads for work that blocks, started at the first call. A simulated reactor's pool runs jobs within its
  // turns.
  [[nodiscard]] WorkerPool& pool();
  [[nodiscard]] const TurnHistogram& turns() const { return turns_; }
  // Called (on the watchdog's thread) when a turn has lasted longer than limits.net.stall_report; at most
  // once a turn. For real reactors, once, before run().
  void on_stall(std::function<void(Duration)> report);
  // True on the thread that ran it last (or opened it, before the first turn).
  [[nodiscard]] bool on_this_thread() const;

  // For `net` alone: the libuv loop (null when simulated), and what net/reactor_core.h holds.
  [[nodiscard]] uv_loop_s* loop();
  struct Core;
  [[nodiscard]] Core& core() { return *core_; }

 private:
  explicit Reactor(const Limits& limits, Instant start);

  Limits limits_;
  Budget budget_;
  Instant now_{};
  TimerWheel wheel_;
  TurnHistogram turns_;
  std::unique_ptr<Core> core_;
};

}  // namespace sluice
