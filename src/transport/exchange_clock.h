// SPDX-License-Identifier: Apache-2.0
#pragma once
// The timer of one exchange, for every front: how long a service may take. And the open questions of a
// session, which hold such timers.
//
// A request ends after limits.mcp.tool without progress, after limits.mcp.ask while a person is at work, and
// after limits.mcp.tool_absolute in any case. A person is while a question is open, and after going to a page
// (an elicitation of a URL that was accepted) until there is a sign of life. A question that came on no
// request's stream is that of all requests which may ask. The handshake has its own limit, a request that
// waits by its nature only the cap, a subscription none. A clock lives in its exchange, questions in their
// session, on one reactor. Ledger M1, M4, D6.5, D6.10.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "mcp/exchange.h"
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
  void sign(LifeSign why = LifeSign::work);
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
  bool is_with_person_ = false;  // though no question is open
};

class OpenAsks {
 public:
  // The service's question of this text holds these clocks. What is no question, or cannot be read, holds
  // none.
  void asked(Bytes message, const JsonLimits& limits, const std::vector<ExchangeClock*>& clocks);
  void answered(const Envelope& answer);
  // The clock's exchange is over.
  void closed(const ExchangeClock& clock);

 private:
  struct Ask {
    std::vector<ExchangeClock*> clocks;
    bool is_page = false;
  };
  std::map<std::string, Ask> asks_;  // by canonical id
};

// Whether a question may be asked during this request, so that one without a stream may be its own.
[[nodiscard]] bool may_be_asked_during(const Envelope& request);

}  // namespace sluice
