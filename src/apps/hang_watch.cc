// SPDX-License-Identifier: Apache-2.0
#include "apps/hang_watch.h"

#include <utility>

namespace sluice {

HangWatch::HangWatch(const ProcessLimits& limits, milliseconds hang_timeout)
    : every_(limits.heartbeat), start_timeout_(limits.start_timeout), hang_timeout_(hang_timeout) {}

void HangWatch::started() {
  looks_ = 0;
  serves_ = told_ = false;
}

void HangWatch::serves() {
  looks_ = 0;
  serves_ = true;
}

bool HangWatch::look(std::uint64_t heartbeat) {
  const bool is_new = heartbeat != std::exchange(last_seen_, heartbeat);
  // While it starts its heart beats already; what counts then is that it comes to serve.
  looks_ = serves_ && is_new ? 0 : looks_ + 1;
  if (bound() <= milliseconds(0) || looks_ * every_ < bound()) return false;
  return !std::exchange(told_, true);
}

milliseconds HangWatch::bound() const { return serves_ ? hang_timeout_ : start_timeout_; }

}  // namespace sluice
