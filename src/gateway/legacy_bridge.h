// SPDX-License-Identifier: Apache-2.0
#pragma once
// LegacyBridge: legacy clients (initialize, sessions) in front of a server that speaks only 2026-07-28.
//
// A session lives here alone: the server sees requests that each say who asks. What the server asks by
// `input_required` becomes a question on the client's own request, what it tells by a subscription becomes a
// notification of the session. Knows the seam and no kind of upstream; texts are translated by mcp/to_modern
// and mcp/modern_results. Its parts are LegacyBridgeSession, LegacyBridgeCall, LegacyBridgeListen,
// LegacyBridgeTools and LegacyTasks. Lives on one reactor; outlives the exchanges and sessions it was handed.
// Spec: ledger D1, D6.

#include <memory>
#include <string>
#include <vector>

#include "gateway/bridge_parts.h"
#include "gateway/legacy_bridge_tools.h"
#include "gateway/legacy_tasks.h"
#include "mcp/errors.h"
#include "mcp/exchange.h"
#include "net/timer_wheel.h"

namespace sluice {

class LegacyBridgeErrand;

class LegacyBridge final : public Service {
 public:
  explicit LegacyBridge(BridgeParts parts);
  LegacyBridge(const LegacyBridge&) = delete;
  LegacyBridge& operator=(const LegacyBridge&) = delete;
  ~LegacyBridge() override;

  void open(Exchange& exchange) override;
  void cancelled(Exchange& exchange, CancelReason reason) override;
  void drained(Exchange& exchange) override;
  void drained(Session& session) override;
  void message(Session& session, ClientMessage message) override;
  void ended(Session& session) override;
  [[nodiscard]] std::vector<Revision> revisions() const override;

  // The server has turned out to speak no modern revision: refuses the exchange and ends its session, so that
  // the client opens one there.
  void outlived(Exchange& exchange);

  [[nodiscard]] std::size_t sessions() const { return sessions_; }
  [[nodiscard]] std::size_t calls() const { return calls_; }

 private:
  friend class LegacyBridgeCall;
  friend class LegacyBridgeErrand;
  friend class LegacyBridgeHandshake;
  friend class LegacyBridgeListen;
  friend class LegacyBridgeRequest;
  friend class LegacyBridgeSession;
  friend class LegacyBridgeSubscribe;
  friend class LegacyBridgeTask;
  friend class LegacyBridgeTools;
  friend class LegacyTasks;

  // Answers that need no server: counted here, since nobody else will.
  void answer(Exchange& exchange, Bytes result_json);
  void refuse(Exchange& exchange, const Refusal& refusal);
  [[nodiscard]] std::string next_id() { return std::to_string(next_id_++); }
  // A request whose answer nobody waits for.
  void send_off(std::string text, LegacyBridgeRequest::Origin origin);
  void not_taken(const std::string& why);
  // Frees an inner exchange when the call on the stack has unwound.
  void bury(std::unique_ptr<Exchange> exchange);
  [[nodiscard]] const Limits& limits() const { return parts_.reactor.limits(); }

  BridgeParts parts_;
  CallEnds ends_;
  MessageScanner scanner_;
  std::uint64_t next_id_ = 1;
  std::size_t sessions_ = 0;
  std::size_t calls_ = 0;
  std::vector<std::unique_ptr<Exchange>> buried_;
  Timer burial_;
  std::vector<std::unique_ptr<LegacyBridgeErrand>> errands_;  // sent off
  LegacyBridgeTools tools_;
  LegacyTasks tasks_;
};

}  // namespace sluice
