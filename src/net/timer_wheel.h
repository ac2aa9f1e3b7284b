// SPDX-License-Identifier: Apache-2.0
#pragma once
// TimerWheel: deadlines for very many connections; arming and cancelling are O(1) and allocate nothing.
//
// A hierarchical wheel of 1 ms ticks: seven levels of 64 slots. A timer lies on the level of the highest
// group of six bits in which its tick differs from the wheel's, so the lowest level that holds anything holds
// the next deadline, and a timer moves down at most six times. It reads no clock: the reactor tells it the
// time. A Timer is an intrusive node inside its owner, 40 bytes; destroying it cancels it. One thread.

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace sluice {

class TimerWheel;

// What links a timer into a slot: the slot is a ring with itself as the head.
struct TimerLink {
  TimerLink* next = nullptr;  // null when not armed
  TimerLink* previous = nullptr;
};

class Timer : private TimerLink {
 public:
  using Fire = void (*)(void* owner);

  // `fire(owner)` is called when the deadline passes; the timer is disarmed before the call and may be
  // re-armed or destroyed in it.
  Timer(Fire fire, void* owner) : fire_(fire), owner_(owner) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { cancel(); }

  void cancel() {
    if (next == nullptr) return;
    next->previous = previous;
    previous->next = next;
    next = previous = nullptr;
  }
  [[nodiscard]] bool armed() const { return next != nullptr; }

 private:
  friend class TimerWheel;
  std::uint64_t tick_ = 0;
  Fire fire_;
  void* owner_;
};

class TimerWheel {
 public:
  explicit TimerWheel(Instant start);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;
  ~TimerWheel();  // disarms what is left

  // Arms or moves `timer`; a deadline in the past fires at the next advance().
  void arm(Timer& timer, Instant deadline);
  // Fires everything due at `now`, in order of tick, and returns how many. Timers armed meanwhile for the
  // past fire in the next call.
  std::size_t advance(Instant now);
  // The next instant at which advance() may have work; `never` when empty. May be early, never late.
  [[nodiscard]] Instant next_deadline() const;
  // How many are armed. Walks them: for tests and diagnosis.
  [[nodiscard]] std::size_t size() const;

 private:
  static constexpr unsigned levels = 7;
  static constexpr unsigned slot_bits = 6;
  static constexpr unsigned slots = 1U << slot_bits;
  static constexpr std::uint64_t tick_max = (std::uint64_t{1} << (levels * slot_bits)) - 1;

  struct Place {
    unsigned level = levels;  // `levels` when nothing is armed ahead
    unsigned slot = 0;
    std::uint64_t tick = 0;  // the first tick of that slot
  };
  // A bit may be left set by cancel(), which does not know its wheel; looking clears it.
  [[nodiscard]] Place next_place() const;
  void place(Timer& timer, TimerLink& expired);

  Instant start_;
  std::uint64_t tick_ = 0;  // everything up to here has been fired or lies in due_
  TimerLink due_;           // armed for the past: fires at the next advance()
  mutable std::array<std::uint64_t, levels> occupied_{};
  std::array<std::array<TimerLink, slots>, levels> ring_;
};

}  // namespace sluice
