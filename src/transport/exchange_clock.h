// SPDX-License-Identifier: Apache-2.0
#pragma once
// The timer of one exchange, for every front: how long a service may take.
//
// A request ends after limits.mcp.tool without progress, after limits.mcp.ask while a person is being asked,
// and after limits.mcp.tool_absolute in any case. The handshake has its own limit, a request that waits by
// its nature only the cap, a subscription none. Knows no messages. Lives in its exchange, on one reactor.
// Ledger M1, M4, D6.5.

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/limits.h"
#include "net/reactor.h"

namespace sluice {

enum class ExchangeKind : std::uint8_t { initialize, listen, waiting, request };

[[nodiscard]] ExchangeKind exchange_kind(Bytes method);

struct ExchangeClockLimits {
  milliseconds initialize = McpLimits{}.initialize;
  milliseconds tool = McpLimits{}.tool;
  milliseconds tool_absolute = McpLimits{}.tool_absolute;
  milliseconds ask = McpLimits{}.ask;
  bool tool_timer = true;  // false: only the handshake is limited
};

class ExchangeClock {
 public:
  // `expired(owner)` is called once. `limits` must outlive the clock.
  ExchangeClock(Reactor& reactor, const ExchangeClockLimits& limits, ExchangeKind kind, Instant opened,
                Timer::Fire expired, void* owner)
      : reactor_(reactor),
        limits_(limits),
        timer_(expired, owner),
        opened_(opened),
        last_sign_(opened),
        kind_(kind) {}

  // Starts it, or restarts it: there was a sign of life.
  void sign();
  void asked();
  void answered();
  void stop() { timer_.cancel(); }

  [[nodiscard]] ExchangeKind kind() const { return kind_; }

 private:
  void arm();

  Reactor& reactor_;
  const ExchangeClockLimits& limits_;
  Timer timer_;
  Instant opened_;
  Instant last_sign_;
  std::size_t asks_open_ = 0;
  ExchangeKind kind_;
};

}  // namespace sluice
