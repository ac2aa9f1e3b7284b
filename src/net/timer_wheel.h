// SPDX-License-Identifier: Apache-2.0
#pragma once
// TimerWheel: deadlines for very many connections; arming and cancelling are O(1) and allocate nothing.
//
// A hierarchical wheel of 1 ms ticks. It reads no clock: the reactor tells it the time. A Timer is an intrusive node
// inside its owner, 40 bytes; destroying it cancels it. One thread.

#include <array>
#include <cstdint>

#include "base/time.h"

namespace sluice {

class TimerWheel;

class Timer {
 public:
  using Fire = void (*)(void* owner);

  // `fire(owner)` is called when the deadline passes; the timer is disarmed before the call and may be re-armed in it.
  Timer(Fire fire, void* owner) : fire_(fire), owner_(owner) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { cancel(); }

  void cancel();
  [[nodiscard]] bool armed() const { return next_ != nullptr; }

 private:
  friend class TimerWheel;
  Timer* next_ = nullptr;   // circular list of a wheel's slot; null when not armed
  Timer* previous_ = nullptr;
  std::uint64_t tick_ = 0;
  Fire fire_;
  void* owner_;
};

class TimerWheel {
 public:
  explicit TimerWheel(Instant start);
  ~TimerWheel();  // disarms what is left

  // Arms or moves `timer`; a deadline in the past fires at the next advance().
  void arm(Timer& timer, Instant deadline);
  // Fires everything due at `now`, in order of tick. Timers armed meanwhile for the past fire in the next call.
  void advance(Instant now);
  // The next tick at which advance() may have work; `never` when empty. May be early, never late.
  [[nodiscard]] Instant next_deadline() const;
  [[nodiscard]] std::size_t size() const { return armed_; }

  // For net/timer_wheel.cc: levels and slots are sized there.
 private:
  friend class Timer;
  std::size_t armed_ = 0;
};

}  // namespace sluice
