// SPDX-License-Identifier: Apache-2.0
#pragma once
// HangWatch: whether a worker still gives signs of life.
//
// Looks at the worker's heartbeat each time it is told to and counts the looks that saw nothing new. It
// measures in looks and not in time, so that a machine that was suspended, or so busy that the one who looks
// did not run either, condemns nobody. Until the worker serves, a wider bound counts. A plain value, pure.

#include <cstddef>
#include <cstdint>

#include "base/limits.h"

namespace sluice {

class HangWatch {
 public:
  // `hang_timeout` 0: only the start is watched.
  HangWatch(const ProcessLimits& limits, milliseconds hang_timeout);

  // A new worker was started.
  void started();
  // It says that it serves.
  void serves();
  // To be called every limits.heartbeat with what the blackboard says. True once, when the worker has hung
  // for too long.
  [[nodiscard]] bool look(std::uint64_t heartbeat);
  [[nodiscard]] bool is_serving() const { return serves_; }
  // The bound that counts now.
  [[nodiscard]] milliseconds bound() const;

 private:
  milliseconds every_;
  milliseconds start_timeout_;
  milliseconds hang_timeout_;
  std::uint64_t last_seen_ = 0;
  std::int64_t looks_ = 0;  // since the last sign of life, or since the start
  bool serves_ = false;
  bool told_ = false;
};

}  // namespace sluice
