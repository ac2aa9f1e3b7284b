// SPDX-License-Identifier: Apache-2.0
#pragma once
// Time values. Nothing here reads a clock: `Instant`s and `WallTime`s are arguments everywhere but in `net`.
//
// An `Instant` counts from an arbitrary start and never goes back; deadlines and timers use it. A `WallTime`
// is what people and tokens mean, may jump, and is used for nothing that must not. Any thread.

#include <chrono>
#include <cstdint>

namespace sluice {

using Duration = std::chrono::nanoseconds;

// Tag of the monotonic time line; it has no now() on purpose.
struct MonotonicLine {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  static constexpr bool is_steady = true;
};
using Instant = std::chrono::time_point<MonotonicLine, Duration>;
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

inline constexpr Instant never = Instant::max();

// Where time comes from; `net` has the real one, tests a manual one. Reads must be cheap and callable at any
// time on the owner's thread.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Instant now() const = 0;
  [[nodiscard]] virtual WallTime wall() const = 0;
};

}  // namespace sluice
