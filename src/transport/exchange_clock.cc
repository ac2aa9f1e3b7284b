// SPDX-License-Identifier: Apache-2.0
#include "transport/exchange_clock.h"

#include <algorithm>

namespace sluice {

ExchangeKind exchange_kind(Bytes method) {
  if (method == "initialize") return ExchangeKind::initialize;
  if (method == "subscriptions/listen") return ExchangeKind::listen;
  // tasks/result of 2025-11-25 blocks until the task is done.
  return method == "tasks/result" ? ExchangeKind::waiting : ExchangeKind::request;
}

void ExchangeClock::sign() {
  last_sign_ = reactor_.now();
  arm();
}

void ExchangeClock::asked() {
  ++asks_open_;
  sign();
}

void ExchangeClock::answered() {
  if (asks_open_ > 0) --asks_open_;
  sign();
}

void ExchangeClock::arm() {
  if (kind_ == ExchangeKind::initialize) {
    reactor_.arm(timer_, opened_ + limits_.initialize);
    return;
  }
  if (kind_ == ExchangeKind::listen || !limits_.tool_timer) return;
  const Instant cap = opened_ + limits_.tool_absolute;
  const Instant silence = last_sign_ + (asks_open_ > 0 ? limits_.ask : limits_.tool);
  reactor_.arm(timer_, kind_ == ExchangeKind::waiting ? cap : std::min(cap, silence));
}

}  // namespace sluice
